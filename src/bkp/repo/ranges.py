"""Which parts of packs to read to get many blobs: few, large, and of bounded size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bkp.formats.pack import SEAL_OVERHEAD
from bkp.ids import BlobId

from .index import UNKNOWN_PACK, FirstPlaces

# Reading over a gap costs less than a second request, on disks and far more so remotely.
_JOINED_GAP = 128 << 10

# Bytes of a range, as stored and opened.  Each thread has room for one of each.
MAX_STORED = 1 << 20
MAX_PLAIN = 2 << 20

MAX_TOGETHER = 64 << 20  # bytes of plaintext for which memory is taken on an index's word

_KEPT = 16 << 20  # bytes of a room that is worth keeping; few blobs are larger


class Rooms:
    """Memory for opened ranges that is used again and again; safe to use from several threads."""

    def __init__(self) -> None:
        self._idle: list[memoryview] = []

    def take(self, size: int) -> memoryview:
        """Return room for so many bytes of plaintext, or more; of any content."""
        try:
            room = self._idle.pop()  # in one step: others may take the last one meanwhile
        except IndexError:
            room = None
        if room is None or len(room) < size:
            room = memoryview(bytearray(max(size, min(1 << size.bit_length(), MAX_PLAIN))))
        return room

    def give_back(self, room: memoryview) -> None:
        """Let others use it."""
        if len(room) <= _KEPT:
            self._idle.append(room)


@dataclass(slots=True)
class Range:
    """Blobs of one pack that are read in one piece, in the order they lie there.

    Only a blob that is larger by itself makes it larger than the bounds;
    sizes are what an index says, and may be anything up to 4 GiB.
    """

    pack: int  # number of the pack in the index
    start: int  # offsets and lengths in bytes
    end: int
    plain_size: int = 0
    names: list[BlobId] = field(default_factory=list)
    pieces: list[tuple[int, int]] = field(default_factory=list)  # from `start`, and length
    raw_lengths: list[int] = field(default_factory=list)

    def add(self, name: BlobId, offset: int, length: int, raw_length: int) -> None:
        """Add the blob at an offset of the pack that is not before the last one's."""
        self.names.append(name)
        self.pieces.append((offset - self.start, length))
        self.raw_lengths.append(raw_length)
        self.end = max(self.end, offset + length)
        self.plain_size += plain_length(length, raw_length)

    def takes(self, pack: int, offset: int, length: int, raw_length: int) -> bool:
        """Say whether a further blob is worth reading together with those that are here."""
        return (
            pack == self.pack
            and offset <= self.end + _JOINED_GAP
            and offset + length <= self.start + MAX_STORED
            and self.plain_size + plain_length(length, raw_length) <= MAX_PLAIN
        )

    def plain_pieces(self) -> list[tuple[int, int]]:
        """Return where each plaintext is, offset and length, if they lie one behind the other."""
        pieces = []
        offset = 0
        for (_, length), raw_length in zip(self.pieces, self.raw_lengths, strict=True):
            size = raw_length or plain_length(length, raw_length)
            pieces.append((offset, size))
            offset += size
        return pieces


def plain_length(length: int, raw_length: int) -> int:
    """Return the bytes of a blob's plaintext, from what is stored about it."""
    return raw_length or max(0, length - SEAL_OVERHEAD)


def plan_ranges(names: Sequence[BlobId], places: FirstPlaces) -> Iterator[Range | BlobId]:
    """Yield the ranges in which blobs lie, in stored order, then blobs that are nowhere."""
    packs, offsets = places.packs, places.offsets
    lengths, raw_lengths = places.lengths, places.raw_lengths
    current: Range | None = None
    for at in places.stored_order():
        pack = packs[at]
        if pack == UNKNOWN_PACK:
            if current is not None:
                yield current
                current = None
            yield names[at]
            continue
        offset, length, raw_length = offsets[at], lengths[at], raw_lengths[at]
        if current is None or not current.takes(pack, offset, length, raw_length):
            if current is not None:
                yield current
            current = Range(pack, offset, offset)
        current.add(names[at], offset, length, raw_length)
    if current is not None:
        yield current
