"""Reading one pack from its beginning to its end, and judging every blob in it.

Each byte is read once if nothing is wrong, and memory holds a small part of
the pack at a time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from bkp.errors import IntegrityError, StoreError
from bkp.formats.pack import PackedBlob
from bkp.ids import PackId
from bkp.store.base import Kind, ObjectName, Store

from .envelope import Envelope
from .ranges import MAX_TOGETHER, Range, Rooms

_READ = 2 << 20  # bytes asked of the store at once where no blobs are


@dataclass(frozen=True, slots=True)
class PackVerdict:
    """What reading a pack found: sentences, and the indexed blobs that are not intact in it."""

    faults: list[str]
    broken: list[PackedBlob]


class PackReading:
    """One pass through one pack; `faults` may be added to before it begins."""

    def __init__(
        self, store: Store, envelope: Envelope, rooms: Rooms, pack: PackId, size: int
    ) -> None:
        self._store = store
        self._envelope = envelope
        self._rooms = rooms
        self._pack = pack
        self._object = ObjectName(Kind.PACK, pack.hex())
        self._size = size
        self._digest = sha256()
        self._position = 0  # up to where the digest is of
        self._broken: list[PackedBlob] = []
        self._first = ""
        self.faults: list[str] = []

    def run(self, held: Iterable[PackedBlob], only_indexed: Iterable[PackedBlob]) -> PackVerdict:
        """Check the blobs that are said to be in the pack, then the rest of its bytes."""
        for wanted, blobs in _ranges(sorted(held, key=lambda blob: blob.offset)):
            self._check_range(wanted, blobs)
        for blob in only_indexed:
            self._check_alone(blob)
        broken = self._broken
        if broken:
            self.faults.append(f"{len(broken)} of its blobs are damaged, the first: {self._first}")
        self._check_name()
        return PackVerdict(self.faults, broken)

    def _check_range(self, wanted: Range, blobs: list[PackedBlob]) -> None:
        fits = wanted.plain_size <= MAX_TOGETHER
        data = self._read(wanted.start, wanted.end) if fits else None
        if data is None:
            verdicts = bytes(len(blobs))
        else:
            room = self._rooms.take(wanted.plain_size)
            names = b"".join(wanted.names)
            verdicts = self._envelope.open_each(
                data, wanted.pieces, wanted.raw_lengths, names, room
            )
            self._rooms.give_back(room)
        if 0 in verdicts:
            for blob, is_sound in zip(blobs, verdicts, strict=True):
                if not is_sound:
                    self._check_alone(blob)

    def _check_alone(self, blob: PackedBlob) -> None:
        """Open what is uncommon, or find out what is wrong with it."""
        try:
            sealed = self._store.get(self._object, blob.offset, blob.length)
            self._envelope.open_blob(blob, sealed)
        except (IntegrityError, StoreError) as error:
            self._broken.append(blob)
            what = f"{blob.type.name.lower()} blob {blob.id.hex()}"
            self._first = self._first or f"{what}: {error}"

    def _read(self, start: int, end: int) -> bytes | None:
        """Read a part of the pack, into the digest too if it is the next; None if that fails."""
        if end > self._size:  # only an index can say so
            return None
        try:
            data = self._store.get(self._object, start, end - start)
        except (IntegrityError, StoreError):
            return None
        if start == self._position:
            self._digest.update(data)
            self._position = end
        return data

    def _check_name(self) -> None:
        try:
            while self._position < self._size:
                size = min(_READ, self._size - self._position)
                self._digest.update(self._store.get(self._object, self._position, size))
                self._position += size
        except (IntegrityError, StoreError) as error:
            self.faults.append(f"it cannot be read to its end: {error}")
            return
        if self._digest.digest() != self._pack:
            self.faults.append("its SHA-256 is not its name")


def _ranges(blobs: list[PackedBlob]) -> Iterator[tuple[Range, list[PackedBlob]]]:
    """Group blobs, in stored order and without gaps, that can be read and opened together."""
    group: list[PackedBlob] = []
    wanted = Range(0, 0, 0)
    for blob in blobs:
        place = (blob.offset, blob.length, blob.raw_length)
        if group and (blob.offset != wanted.end or not wanted.takes(0, *place)):
            yield wanted, group
            group = []
        if not group:
            wanted = Range(0, blob.offset, blob.offset)
        wanted.add(blob.id, *place)
        group.append(blob)
    if group:
        yield wanted, group
