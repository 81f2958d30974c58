"""Put sealed blobs into packs, which are written to the store as they are filled.

A pack is the sealed blobs one behind the other, the sealed header, and the
header's length.  Blobs of one type go at random to one of two open packs, so
that the sizes of packs tell less about which files are in them (restic does
so since 0.18: https://github.com/restic/restic/issues/5291).
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from bkp.errors import IntegrityError
from bkp.formats.headers import header_entries, header_ids
from bkp.formats.pack import BlobType, encode_trailer
from bkp.ids import BlobId, PackId
from bkp.store.base import Buffer, Draft, Kind, ObjectName

from .envelope import Envelope, Sealed

DEFAULT_PACK_SIZE = 16 << 20  # bytes of blobs at which a pack is closed, restic's default

# Blobs at which a pack is closed too, as many as an index object should have: without that a pack
# of the smallest files would have 200 000, and what is said of them take more memory than they.
MOST_BLOBS = 50_000


@dataclass(frozen=True, slots=True)
class Stored:
    """A pack that is in the store: its identity, and the header that says what is in it."""

    id: PackId
    header: bytes

    def names(self) -> list[BlobId]:
        """Return the identities of the blobs in it."""
        return header_ids(self.header)


class OpenPack:
    """A pack being written; for one thread at a time."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._hash = sha256()
        self._header = bytearray()
        self.size = 0  # bytes of blobs
        self.blobs = 0

    def add(self, names: list[BlobId], sealed: Sealed, *, is_tree: bool) -> None:
        """Append blobs."""
        self._append(sealed.data)
        self._header += header_entries(names, sealed.lengths, sealed.raw_lengths, is_tree)
        self.blobs += len(names)

    def join(self, other: "OpenPack") -> None:
        """Append what is in another pack, which is not to be used any more.

        Raises IntegrityError if the store does not give back what was written:
        what is wrong now would else be named as if it were right.
        """
        data = other._draft.contents()
        if sha256(data).digest() != other._hash.digest():
            raise IntegrityError("a new pack does not read back as it was written; nothing is lost")
        self._append(data)
        self._header += other._header
        self.blobs += other.blobs
        other.discard()

    def publish(self, envelope: Envelope, guard: Callable[[], None]) -> Stored:
        """Append the header and give the pack its name; `guard` is asked just before."""
        header = bytes(self._header)
        sealed = envelope.seal_raw(header)
        self._append(sealed + encode_trailer(len(sealed)))
        name = PackId(self._hash.digest())
        guard()
        self._draft.publish(ObjectName(Kind.PACK, name.hex()))
        return Stored(name, header)

    def discard(self) -> None:
        """Leave nothing of it."""
        self._draft.discard()

    def _append(self, data: Buffer) -> None:
        self._hash.update(data)
        self._draft.append(data)
        self.size += len(data)


class _Place:
    """Where one of the open packs is, if there is one at the time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pack: OpenPack | None = None


class Packer:
    """Packs the blobs of one type, for any number of threads at once.

    `begin` makes drafts of packs; `close` is given each pack that is full, and
    while it has not taken it nobody fills the next one in that place.  Whoever
    has published one tells `published`; the others are left to `discard`.
    """

    def __init__(
        self,
        kind: BlobType,
        target_size: int,
        begin: Callable[[], Draft],
        close: Callable[[OpenPack], None],
    ) -> None:
        self._is_tree = kind is BlobType.TREE
        self._target_size = target_size
        self._begin = begin
        self._close = close
        self._places = (_Place(), _Place())
        self._unpublished: set[OpenPack] = set()
        self._failure: BaseException | None = None

    @staticmethod
    def deal(blobs: list[int]) -> list[tuple[int, list[int]]]:
        """Say at random which of the blobs, given by numbers, go to which place."""
        hands: tuple[list[int], list[int]] = ([], [])
        for blob, coin in zip(blobs, os.urandom(len(blobs)), strict=True):
            hands[coin & 1].append(blob)
        return [(place, hand) for place, hand in enumerate(hands) if hand]

    def add(self, place: int, names: list[BlobId], sealed: Sealed) -> None:
        """Write blobs to the pack in a place, and close it if they made it full.

        Raises what the store or `close` raises, and then again at each later
        call: a pack that was not written in full must not be published.
        """
        chosen = self._places[place]
        with chosen.lock:
            if self._failure is not None:
                raise self._failure
            try:
                if len(names) == 1 and len(sealed.data) >= self._target_size:
                    self._fill(_Place(), names, sealed)
                else:
                    self._fill(chosen, names, sealed)
            except BaseException as error:
                self._failure = error
                raise

    def finish(self) -> list[OpenPack]:
        """Return the packs still open: one if they fit into one.

        When nobody adds any more.  Raises what `add` raised.
        """
        if self._failure is not None:
            raise self._failure
        packs = [place.pack for place in self._places if place.pack is not None]
        if len(packs) == 2 and self._fit(*packs):
            packs[0].join(packs.pop())
        for place in self._places:
            place.pack = None
        return packs

    def _fit(self, one: OpenPack, other: OpenPack) -> bool:
        return one.size + other.size < self._target_size and one.blobs + other.blobs < MOST_BLOBS

    def published(self, pack: OpenPack) -> None:
        """Take note that a pack is an object now."""
        self._unpublished.remove(pack)

    def discard(self) -> None:
        """Leave nothing of what is not published; nobody may add any more."""
        for pack in self._unpublished:
            pack.discard()

    def _fill(self, place: _Place, names: list[BlobId], sealed: Sealed) -> None:
        pack = place.pack
        if pack is None:
            pack = place.pack = OpenPack(self._begin())
            self._unpublished.add(pack)
        pack.add(names, sealed, is_tree=self._is_tree)
        if pack.size >= self._target_size or pack.blobs >= MOST_BLOBS:
            place.pack = None
            self._close(pack)
