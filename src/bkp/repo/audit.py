"""What the storage really holds, checked without trusting the index.

Everything here goes on after a fault and says what it found; only a failure
of the storage itself is raised.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from bkp.errors import (
    IntegrityError,
    Malformed,
    Missing,
    NotFound,
    OutOfReach,
    StoreError,
    UnsupportedFormat,
)
from bkp.formats.index import IndexedPack
from bkp.formats.keyfile import decode_keyfile
from bkp.formats.pack import (
    EAGER_READ,
    BlobType,
    PackedBlob,
    decode_header,
    header_entry_size,
    header_size,
    locate_header,
)
from bkp.ids import PackId
from bkp.store.base import CONFIG, Kind, ObjectName, Store

from .envelope import Envelope
from .index import UNKNOWN_PACK, BlobIndex, Place
from .packreading import PackReading, PackVerdict
from .ranges import Rooms
from .repository import Repository

_TRIES = 3  # of reading what is given up otherwise

_PLAIN_ENTRY = header_entry_size(0)


@dataclass(frozen=True, slots=True)
class Damage:
    """An object, by its name in the repository, and what is wrong with it."""

    where: str
    message: str


def pack_sizes(repo: Repository) -> dict[PackId, int]:
    """Return all packs that are there, with their sizes in bytes."""
    return {PackId(bytes.fromhex(name.id)): size for name, size in repo.store.scan(Kind.PACK)}


def damaged_keys(repo: Repository) -> Iterator[Damage]:
    """Yield the key files that open nothing any more."""
    for name, _ in repo.store.scan(Kind.KEY):
        try:
            decode_keyfile(repo.load_object(name))
        except NotFound:
            continue
        except (IntegrityError, UnsupportedFormat, StoreError) as error:
            yield Damage(str(name), str(error))


def read_header(repo: Repository, pack: PackId, size: int) -> IndexedPack:
    """Return what a pack of `size` bytes says is in it.

    Raises StoreError, or an IntegrityError if its header is damaged.
    """
    for _ in range(_TRIES - 1):
        with suppress(IntegrityError):
            return IndexedPack(pack, _read_header(repo.store, repo.envelope, _object(pack), size))
    return IndexedPack(pack, _read_header(repo.store, repo.envelope, _object(pack), size))


def salvage(repo: Repository, place: Place) -> bytes:
    """Return a blob from this place and no other, after some tries if need be.

    Raises IntegrityError if it is not intact there, OutOfReach if that cannot
    be known now, and StoreError if the whole storage is gone.
    """
    for _ in range(_TRIES - 1):
        with suppress(IntegrityError, StoreError):
            return _read_copy(repo, place)
    try:
        return _read_copy(repo, place)
    except StoreError as error:
        repo.store.get(CONFIG)  # one pack out of reach is damage; everything out of reach is not
        raise (Missing if isinstance(error, NotFound) else OutOfReach)(str(error)) from error


def _read_copy(repo: Repository, place: Place) -> bytes:
    blob = place.blob
    sealed = repo.store.get(_object(place.pack), blob.offset, blob.length)
    return repo.envelope.open_blob(blob, sealed)


class PackAudit:
    """Compares packs with the index as it is when this is made; shareable between threads.

    Keeps two numbers for each pack.  Which blobs the index has in a pack is
    looked up only when a pack is damaged.
    """

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._sizes: dict[PackId, int] = {}
        self._counts: dict[PackId, int] = {}
        self._blobs: dict[PackId, list[PackedBlob]] | None = None
        self._lock = threading.Lock()
        self._rooms = Rooms()
        for pack, count, compressed, sealed in repo.index.pack_totals():
            if count:
                header = compressed * header_entry_size(1) + (count - compressed) * _PLAIN_ENTRY
                self._sizes[pack] = sealed + header + header_size([])
                self._counts[pack] = count

    def sizes(self) -> Mapping[PackId, int]:
        """Return every indexed pack with the size in bytes it must have."""
        return self._sizes

    def indexed(self, pack: PackId) -> list[PackedBlob]:
        """Return what the index says is in a pack."""
        with self._lock:
            if self._blobs is None:
                blobs = defaultdict(list)
                for place in self._repo.index.all_places():
                    blobs[place.pack].append(place.blob)
                self._blobs = blobs
            return self._blobs.get(pack, [])

    def verify(self, pack: PackId, size: int) -> PackVerdict:
        """Read a whole pack of `size` bytes and compare it with its name and the index.

        Every blob in it is unsealed and hashed.  What looks damaged is read
        once more, because a bit may flip on the way too.  Raises StoreError if
        not even the config can be read any more: a disk that was unplugged
        says nothing about its packs.
        """
        verdict = self._verify(pack, size)
        if verdict.faults:
            verdict = self._verify(pack, size)
        if verdict.faults:
            self._repo.store.get(CONFIG)
        return verdict

    def _verify(self, pack: PackId, size: int) -> PackVerdict:
        store, envelope = self._repo.store, self._repo.envelope
        check = PackReading(store, envelope, self._rooms, pack, size)
        try:
            held = _read_header(store, envelope, _object(pack), size)
        except (IntegrityError, StoreError) as error:
            check.faults.append(f"its header is damaged: {error}")
            return check.run(self.indexed(pack), [])
        if len(held) == self._counts.get(pack, 0) and self._are_indexed(pack, held):
            return check.run(held, [])
        indexed = self.indexed(pack)
        only_indexed = sorted(set(indexed) - set(held), key=lambda blob: blob.offset)
        check.faults.append(
            f"its header and the index disagree: {len(set(held) - set(indexed))} blobs are "
            f"only in the header, {len(only_indexed)} only in the index"
        )
        return check.run(held, only_indexed)

    def _are_indexed(self, pack: PackId, held: list[PackedBlob]) -> bool:
        """Say whether the index has each of these blobs at its place in the pack."""
        index = self._repo.index
        for kind in BlobType:
            blobs = [blob for blob in held if blob.type is kind]
            first = index.first_places(kind, b"".join(blob.id for blob in blobs))
            number = next((n for n in set(first.packs) if _is_pack(index, n, pack)), UNKNOWN_PACK)
            columns = zip(
                blobs, first.packs, first.offsets, first.lengths, first.raw_lengths, strict=True
            )
            for blob, *place in columns:
                here = [number, blob.offset, blob.length, blob.raw_length]
                if place != here and Place(pack, blob) not in index.places(kind, blob.id):
                    return False  # a blob of which the first place is elsewhere is rare
        return True


def _is_pack(index: BlobIndex, number: int, pack: PackId) -> bool:
    return number != UNKNOWN_PACK and index.pack_id(number) == pack


def _read_header(store: Store, envelope: Envelope, name: ObjectName, size: int) -> list[PackedBlob]:
    tail = store.get(name, max(0, size - EAGER_READ), min(size, EAGER_READ))
    place = locate_header(tail, size)
    start = size - len(tail)
    if place.offset >= start:
        sealed = tail[place.offset - start :][: place.length]
    else:
        sealed = store.get(name, place.offset, place.length)
    blobs = decode_header(envelope.open_raw(sealed))
    if blobs and blobs[-1].offset + blobs[-1].length != place.offset:
        raise Malformed("the blobs it lists do not fill the pack")
    return blobs


def _object(pack: PackId) -> ObjectName:
    return ObjectName(Kind.PACK, pack.hex())
