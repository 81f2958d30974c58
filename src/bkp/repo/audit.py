"""What the storage really holds, checked without trusting the index.

Everything here goes on after a fault and says what it found; only a failure
of the storage itself is raised.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from bkp.errors import IntegrityError, Malformed, NotFound, StoreError
from bkp.formats.index import IndexedPack
from bkp.formats.keyfile import decode_keyfile
from bkp.formats.pack import (
    EAGER_READ,
    PackedBlob,
    decode_header,
    header_entry_size,
    header_size,
    locate_header,
)
from bkp.ids import PackId
from bkp.store.base import Kind, ObjectName, Store

from .envelope import Envelope
from .index import Place
from .repository import Repository

_READ = 8 << 20  # bytes asked of the store at once when a pack is read through


@dataclass(frozen=True, slots=True)
class Damage:
    """An object, by its name in the repository, and what is wrong with it."""

    where: str
    message: str


@dataclass(frozen=True, slots=True)
class PackVerdict:
    """What reading a pack found: sentences, and the indexed blobs that are not intact in it."""

    faults: list[str]
    broken: list[PackedBlob]


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
        except (IntegrityError, StoreError) as error:
            yield Damage(str(name), str(error))


def read_header(repo: Repository, pack: PackId, size: int) -> IndexedPack:
    """Return what a pack of `size` bytes says is in it.

    Raises StoreError, or an IntegrityError if its header is damaged.
    """
    return IndexedPack(pack, _read_header(repo.store, repo.envelope, _object(pack), size))


class PackAudit:
    """Compares packs with the index as it is when this is made; shareable between threads.

    Keeps two numbers for each pack.  Which blobs the index has in a pack is
    looked up only when a pack is damaged.
    """

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._sizes: defaultdict[PackId, int] = defaultdict(lambda: header_size([]))
        self._counts: defaultdict[PackId, int] = defaultdict(int)
        self._blobs: dict[PackId, list[PackedBlob]] | None = None
        self._lock = threading.Lock()
        for pack, blob in repo.index.all_places():
            self._sizes[pack] += blob.length + header_entry_size(blob.raw_length)
            self._counts[pack] += 1

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
        once more, because a bit may flip on the way too.
        """
        verdict = self._verify(pack, size)
        return self._verify(pack, size) if verdict.faults else verdict

    def _verify(self, pack: PackId, size: int) -> PackVerdict:
        store, envelope = self._repo.store, self._repo.envelope
        try:
            held = _read_header(store, envelope, _object(pack), size)
        except (IntegrityError, StoreError) as error:
            check = _PackCheck(store, envelope, pack, size)
            check.faults.append(f"its header is damaged: {error}")
            return check.run(self.indexed(pack), [])
        check = _PackCheck(store, envelope, pack, size)
        known = sum(
            Place(pack, blob) in self._repo.index.places(blob.type, blob.id) for blob in held
        )
        if known == len(held) == self._counts.get(pack, 0):
            return check.run(held, [])
        indexed = self.indexed(pack)
        only_indexed = sorted(set(indexed) - set(held), key=lambda blob: blob.offset)
        check.faults.append(
            f"its header and the index disagree: {len(set(held) - set(indexed))} blobs are "
            f"only in the header, {len(only_indexed)} only in the index"
        )
        return check.run(held, only_indexed)


class _PackCheck:
    """Reads one pack from its beginning to its end, once."""

    def __init__(self, store: Store, envelope: Envelope, pack: PackId, size: int) -> None:
        self._store = store
        self._envelope = envelope
        self._pack = pack
        self._object = _object(pack)
        self._size = size
        self._digest = sha256()
        self._position = 0  # where in the pack the buffer ends
        self._buffer = memoryview(b"")
        self._first = ""
        self.faults: list[str] = []

    def run(self, held: Iterable[PackedBlob], only_indexed: Iterable[PackedBlob]) -> PackVerdict:
        """Check the blobs that are said to be in the pack, then the rest of its bytes."""
        in_order = sorted(held, key=lambda blob: blob.offset)
        broken = self._check_blobs(in_order) + self._check_blobs(only_indexed)
        if broken:
            self.faults.append(f"{len(broken)} of its blobs are damaged, the first: {self._first}")
        self._check_name()
        return PackVerdict(self.faults, broken)

    def _check_blobs(self, blobs: Iterable[PackedBlob]) -> list[PackedBlob]:
        """Open the blobs in the order they lie, and return those that do not open."""
        broken = []
        for blob in blobs:
            try:
                self._envelope.open_blob(blob, self._take(blob))
            except (IntegrityError, StoreError) as error:
                broken.append(blob)
                self._first = (
                    self._first or f"{blob.type.name.lower()} blob {blob.id.hex()}: {error}"
                )
        return broken

    def _take(self, blob: PackedBlob) -> bytes | memoryview:
        """Return a blob as stored, reading on to where it ends."""
        end = blob.offset + blob.length
        start = self._position - len(self._buffer)
        if end > self._size or blob.offset < start:  # only an index can say so
            return self._store.get(self._object, blob.offset, blob.length)
        if self._position < end:
            parts: list[bytes | memoryview] = [self._buffer]
            while self._position < end:
                parts.append(self._read_on())
            self._buffer = memoryview(b"".join(parts))
        taken = self._buffer[blob.offset - start : end - start]
        self._buffer = self._buffer[end - start :]
        return taken

    def _read_on(self) -> bytes:
        data = self._store.get(
            self._object, self._position, min(_READ, self._size - self._position)
        )
        self._position += len(data)
        self._digest.update(data)
        return data

    def _check_name(self) -> None:
        self._buffer = memoryview(b"")
        try:
            while self._position < self._size:
                self._read_on()
        except (IntegrityError, StoreError) as error:
            self.faults.append(f"it cannot be read to its end: {error}")
            return
        if self._digest.digest() != self._pack:
            self.faults.append("its SHA-256 is not its name")


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
