"""What the storage really holds, checked without trusting the index.

Everything here goes on after a fault and says what it found; only a failure
of the storage itself is raised.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from bkp.errors import IntegrityError, Malformed, NotFound
from bkp.formats.index import IndexedPack
from bkp.formats.keyfile import decode_keyfile
from bkp.formats.pack import (
    EAGER_READ,
    PackedBlob,
    decode_header,
    locate_header,
)
from bkp.ids import PackId
from bkp.store.base import Kind, ObjectName, Store

from .envelope import Envelope
from .repository import Repository

_READ = 8 << 20  # bytes asked of the store at once when a pack is read through


@dataclass(frozen=True, slots=True)
class Damage:
    """An object, by its name in the repository, and what is wrong with it."""

    where: str
    message: str


@dataclass(frozen=True, slots=True)
class PackVerdict:
    """What reading a pack found: sentences, and the blobs that it does not hold intact."""

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
        except IntegrityError as error:
            yield Damage(str(name), str(error))


def read_header(repo: Repository, pack: PackId, size: int) -> IndexedPack:
    """Return what a pack of `size` bytes says is in it.

    Raises NotFound, or an IntegrityError if its header is damaged.
    """
    return IndexedPack(pack, _read_header(repo.store, repo.envelope, _object(pack), size))


def verify_pack(
    repo: Repository, pack: PackId, size: int, indexed: Sequence[PackedBlob]
) -> PackVerdict:
    """Read a whole pack of `size` bytes and compare it with its name and with the index.

    Every blob in it is unsealed and hashed.  What looks damaged is read once
    more, because a bit may flip on the way too.
    """
    verdict = _PackCheck(repo.store, repo.envelope, pack, size).run(indexed)
    if verdict.faults:
        verdict = _PackCheck(repo.store, repo.envelope, pack, size).run(indexed)
    return verdict


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
        self._faults: list[str] = []

    def run(self, indexed: Sequence[PackedBlob]) -> PackVerdict:
        try:
            return PackVerdict(self._faults, self._check(indexed))
        except NotFound:
            return PackVerdict(["it is not there any more"], list(indexed))

    def _check(self, indexed: Sequence[PackedBlob]) -> list[PackedBlob]:
        expected = sorted(indexed, key=lambda blob: blob.offset)
        held = expected
        try:
            held = _read_header(self._store, self._envelope, self._object, self._size)
        except IntegrityError as error:
            self._faults.append(f"its header is damaged: {error}")
        broken = self._check_blobs(held)
        if set(held) != set(expected):
            broken += self._compare(held, expected)
        self._check_name()
        return [blob for blob in broken if blob in set(expected)]

    def _check_blobs(self, blobs: Sequence[PackedBlob]) -> list[PackedBlob]:
        """Open the blobs in the order they lie, and return those that do not open."""
        broken = []
        for blob in blobs:
            try:
                self._envelope.open_blob(blob, self._take(blob))
            except IntegrityError as error:
                broken.append(blob)
                self._faults.append(f"{blob.type.name.lower()} blob {blob.id.hex()}: {error}")
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

    def _compare(
        self, held: Sequence[PackedBlob], expected: Sequence[PackedBlob]
    ) -> list[PackedBlob]:
        """Say how header and index differ; return what only the index has and is not there."""
        only_indexed = [blob for blob in expected if blob not in set(held)]
        only_held = len(set(held) - set(expected))
        self._faults.append(
            f"its header and the index disagree: {only_held} blobs are only in the header, "
            f"{len(only_indexed)} only in the index"
        )
        return self._check_blobs(only_indexed)

    def _check_name(self) -> None:
        self._buffer = memoryview(b"")
        try:
            while self._position < self._size:
                self._read_on()
        except IntegrityError as error:
            self._faults.append(f"it cannot be read to its end: {error}")
            return
        if self._digest.digest() != self._pack:
            self._faults.append("its SHA-256 is not its name")


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
