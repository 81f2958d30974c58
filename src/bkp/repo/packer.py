"""Collect sealed blobs until they make a pack.  No I/O.

A pack is the sealed blobs one behind the other, the sealed header, and the
header's length.  Blobs of one type go at random to one of two open packs, so
that the sizes of packs tell less about which files are in them (restic does
so since 0.18: https://github.com/restic/restic/issues/5291).
"""

import os
from dataclasses import dataclass
from hashlib import sha256

from bkp.formats.filling import Filling, header_ids
from bkp.formats.pack import BlobType, encode_trailer
from bkp.ids import BlobId, PackId

from .envelope import Envelope
from .sealing import Buffer

DEFAULT_PACK_SIZE = 16 << 20  # bytes of blobs at which a pack is closed, restic's default

# Blobs at which a pack is closed too, as many as an index object should have: without that a pack
# of the smallest files would have 200 000, and what is said of them take more memory than they.
MOST_BLOBS = 50_000

_KEPT = 2  # packs whose memory is kept for others: as many as are stored at the same time


@dataclass(frozen=True, slots=True)
class Pack:
    """A finished pack: its identity, its bytes, and the header that says what is in it."""

    id: PackId
    data: Filling
    header: bytes

    def names(self) -> list[BlobId]:
        """Return the identities of the blobs in it."""
        return header_ids(self.header)


def seal_pack(filled: Filling, envelope: Envelope) -> Pack:
    """Append the sealed header and its length; nothing can be added after that."""
    header = filled.header
    sealed = envelope.seal_raw(header)
    filled.append(sealed + encode_trailer(len(sealed)))
    return Pack(PackId(sha256(filled).digest()), filled, header)


class Packer:
    """Packs the blobs of one type; not for several threads at once, but for `give_back`.

    `add_each` and `finish` hand out packs that are full but not sealed: that
    costs time and is done elsewhere.  Whoever is done with one gives it back.
    """

    def __init__(self, kind: BlobType, target_size: int) -> None:
        self._is_tree = kind is BlobType.TREE
        self._target_size = target_size
        self._spare: list[Filling] = []
        self._open = [Filling(), Filling()]

    def add(
        self, names: list[BlobId], sealed: list[Buffer], raw_lengths: list[int], start: int
    ) -> tuple[int, Filling | None]:
        """Take blobs from number `start` on until a pack is full; return where it stopped."""
        if len(sealed) == 1 and len(sealed[0]) >= self._target_size:
            alone = self._empty()
            alone.add_each(
                names, sealed, raw_lengths, self._is_tree, b"\1", Filling(), 0, 0, MOST_BLOBS
            )
            return 1, alone
        first, second = self._open
        stopped = first.add_each(
            names,
            sealed,
            raw_lengths,
            self._is_tree,
            os.urandom(len(sealed)),
            second,
            start,
            self._target_size,
            MOST_BLOBS,
        )
        for number, pack in enumerate(self._open):
            if len(pack) >= self._target_size or pack.blobs >= MOST_BLOBS:
                self._open[number] = self._empty()
                return stopped, pack
        return stopped, None

    def finish(self) -> list[Filling]:
        """Return the packs still open: one if they fit into one."""
        first, second = self._open
        self._open = [Filling(), Filling()]
        if len(first) + len(second) < self._target_size:
            first.join(second)
            second.clear()
        return [pack for pack in (first, second) if pack.blobs]

    def give_back(self, pack: Filling) -> None:
        """Let the memory of a pack be used for another; nobody may look at it any more."""
        if len(self._spare) < _KEPT:
            pack.clear()
            self._spare.append(pack)

    def _empty(self) -> Filling:
        return self._spare.pop() if self._spare else Filling()
