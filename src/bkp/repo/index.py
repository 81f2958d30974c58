"""Where is each blob, and is it here already?

Built from the index objects of the repository and from what this run has
stored.  A blob may be in several packs (two runs at once store it twice, each
without harm); all its places are known, so a damaged copy need not be the end
of it.

The table is native: 45 bytes a blob and about 40 a pack, and no Python object
for any of them.  Looking up one blob costs a call; whoever has many asks
for them in one.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import NamedTuple

from bkp._native.index import (
    ODD_SIZE,
    RECORD_SIZE,
    UNKNOWN,
    Staged,
    Table,
    parse_index,
    stage_header,
    stage_packs,
    stored_order,
)
from bkp.formats.index import IndexedPack, Writer, decode_index
from bkp.formats.pack import BlobType, PackedBlob
from bkp.ids import ID_SIZE, BlobId, PackId

IndexContents = Staged
UNKNOWN_PACK = UNKNOWN
SAVED_BLOB = RECORD_SIZE  # bytes
SAVED_ODD_PLACE = ODD_SIZE

_TREE = BlobType.TREE
NOTHING = stage_packs([], _TREE)
_AT_ONCE = 4096  # copies that become Python objects together
_SAVED_AT_ONCE = (1 << 20) // RECORD_SIZE
_BEHIND_ALL = (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)  # what is after every place of a blob


class Place(NamedTuple):
    """One copy of a blob: the pack it is in, and where there (offsets in bytes)."""

    pack: PackId
    blob: PackedBlob


class PackTotal(NamedTuple):
    """What is indexed in a pack: blobs, how many of them compressed, and their sealed bytes."""

    pack: PackId
    blobs: int
    compressed: int
    sealed_bytes: int


@dataclass(frozen=True, slots=True)
class FirstPlaces:
    """The first copies of many blobs, in columns: one number for each blob.

    `packs` has numbers of packs, `UNKNOWN_PACK` for a blob that is in no
    index; the others are as in PackedBlob.
    """

    columns: memoryview  # all four, one after the other
    count: int

    @property
    def packs(self) -> memoryview:
        """Numbers of packs, to be given to `BlobIndex.pack_id`."""
        return self.columns[: self.count]

    @property
    def offsets(self) -> memoryview:
        """Where in their packs the blobs begin."""
        return self.columns[self.count : 2 * self.count]

    @property
    def lengths(self) -> memoryview:
        """Sealed lengths."""
        return self.columns[2 * self.count : 3 * self.count]

    @property
    def raw_lengths(self) -> memoryview:
        """Lengths of plaintexts, 0 where a blob is stored without compression."""
        return self.columns[3 * self.count :]

    def stored_order(self) -> memoryview:
        """Return the positions of the blobs in the order they lie in packs, unknown ones last."""
        return memoryview(stored_order(self.columns)).cast("I")


class ReadIndex(NamedTuple):
    """What an index object says: what to rely on, and packs that are marked to be deleted."""

    packs: IndexContents
    marked: list[IndexedPack]
    writers: frozenset[Writer] | None = None  # who may rely on these, as Index has it


def read_index(data: bytes) -> ReadIndex:
    """Return what an index object says, its packs to be given to `BlobIndex.take`.

    Raises Malformed as `decode_index` does, which judges whatever is not plain.
    """
    staged = None if b'"packs_to_delete"' in data else parse_index(data)
    if staged is not None:
        return ReadIndex(staged, [])
    index = decode_index(data)
    staged = stage_packs([(pack.id, list(pack.blobs)) for pack in index.packs], _TREE)
    return ReadIndex(staged, index.packs_to_delete, index.writers)


class SavedLayout(NamedTuple):
    """Where the parts of a saved index are: offset in bytes and number of items."""

    packs: tuple[int, int]
    odd: tuple[int, int]
    data: tuple[int, int]
    tree: tuple[int, int]


class BlobIndex:
    """Blob to places.  All of it may be used from any number of threads."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._table = Table(int.from_bytes(os.urandom(8)))
        self._is_own = False

    def add(self, pack: IndexedPack) -> None:
        """Take in a pack; taking in the same one again changes nothing."""
        self._is_own = True
        self._table.add(stage_packs([(pack.id, list(pack.blobs))], _TREE), in_bulk=False)

    def add_stored(self, pack: PackId, header: bytes) -> None:
        """Take in a pack that was just stored, by its header before it was sealed."""
        self._is_own = True
        self._table.add(stage_header(pack, header), in_bulk=False)

    def take(self, read: IndexContents) -> None:
        """Take in what an index object says; cheap, until the next lookup or `settle`."""
        self._table.add(read, in_bulk=True)

    def settle(self) -> None:
        """Do at once what the next lookup would have to do; without it, that waits."""
        self._table.settle()

    def distrust(self, kind: BlobType, name: BlobId) -> None:
        """Forget a blob none of whose copies is intact, so that writing it stores it anew."""
        self._is_own = True
        self._table.distrust(kind is _TREE, name)

    def has(self, kind: BlobType, name: BlobId) -> bool:
        """Say whether the blob is stored and indexed."""
        return self._table.has(kind is _TREE, name)

    def has_each(self, kind: BlobType, names: bytes) -> bytes:
        """Say for each of the concatenated ids whether it is there: a byte, 1 or 0."""
        return self._table.has_each(kind is _TREE, names)

    def plain_size(self, kind: BlobType, name: BlobId) -> int | None:
        """Return the size in bytes of a blob's plaintext, or None if it is unknown."""
        place = self._table.first(kind is _TREE, name)
        if place is None:
            return None
        _, offset, length, raw_length = place
        return PackedBlob(kind, name, offset, length, raw_length).plain_length

    def places(self, kind: BlobType, name: BlobId) -> list[Place]:
        """Return every copy of a blob, the first to try first."""
        return [
            Place(self.pack_id(pack), PackedBlob(kind, name, offset, length, raw_length))
            for pack, offset, length, raw_length in self._table.places(kind is _TREE, name)
        ]

    def first_places(self, kind: BlobType, names: bytes) -> FirstPlaces:
        """Return the first copy of each of the concatenated ids, without an object for any."""
        columns = memoryview(self._table.first_each(kind is _TREE, names)).cast("I")
        return FirstPlaces(columns, len(names) // ID_SIZE)

    def pack_id(self, number: int) -> PackId:
        """Return the identity of a pack by its number; numbers stay while the index is there."""
        return PackId(self._table.pack_id(number))

    def packs(self) -> list[PackId]:
        """Return the identities of all packs that are indexed."""
        ids = self._table.pack_ids()
        return [PackId(ids[i : i + ID_SIZE]) for i in range(0, len(ids), ID_SIZE)]

    def pack_totals(self) -> Iterator[PackTotal]:
        """Yield what is indexed in each pack, summed up in one pass over the table."""
        lengths, copies, compressed = self._table.totals()
        columns = (
            memoryview(copies).cast("I"),
            memoryview(compressed).cast("I"),
            memoryview(lengths).cast("Q"),
        )
        for pack, *numbers in zip(self.packs(), *columns, strict=False):  # packs may be added
            yield PackTotal(pack, *numbers)

    def all_places(self) -> Iterator[Place]:
        """Yield every copy of every blob, in no order.

        What is added meanwhile may be among them or not.
        """
        for kind in BlobType:
            last = None
            while entries := self._table.walk(kind is _TREE, last, _AT_ONCE):
                for name, pack, offset, length, raw_length in entries:
                    blob = PackedBlob(kind, BlobId(name), offset, length, raw_length)
                    yield Place(self.pack_id(pack), blob)
                last = entries[-1]

    def beginning_with(self, kind: BlobType, digits: str, most: int) -> list[BlobId]:
        """Return the ids that begin with these hex digits, sorted, but not more than `most`."""
        found: list[BlobId] = []
        before = int(digits.ljust(2 * ID_SIZE, "0"), 16) - 1
        last = None if before < 0 else (before.to_bytes(ID_SIZE), *_BEHIND_ALL)
        while len(found) < most and (entries := self._table.walk(kind is _TREE, last, 1)):
            name = BlobId(entries[0][0])
            if not name.hex().startswith(digits):
                break
            found.append(name)
            last = (name, *_BEHIND_ALL)
        return found

    def __len__(self) -> int:
        return self._table.blobs()

    def copies(self) -> int:
        """Return the number of places."""
        return self._table.copies()

    def memory(self) -> int:
        """Return the bytes it has taken, without a saved index that it stands on."""
        return self._table.memory()

    @property
    def is_own(self) -> bool:
        """Say whether it holds more, or less, than index objects say.

        What this run has stored is in packs, but in no index object yet.
        """
        return self._is_own

    def attach(self, saved: bytearray | mmap, layout: SavedLayout) -> None:
        """Stand on a saved index; only possible before anything else is taken in.

        `saved` must be writable, which it is privately if something is
        distrusted, and must not shrink.  Raises ValueError if the layout is
        not inside of it.
        """
        self._table.attach(saved, *layout)

    def records(self, kind: BlobType) -> Iterator[bytes]:
        """Yield the table in pieces of whole records, sorted, as `attach` needs it."""
        last = None
        while piece := self._table.export(kind is _TREE, last, _SAVED_AT_ONCE):
            yield piece
            last = piece[-RECORD_SIZE:]

    def pack_ids(self) -> bytes:
        """Return the identities of all packs, concatenated."""
        return self._table.pack_ids()

    def odd(self) -> bytes:
        """Return the places that do not fit into records, concatenated."""
        return self._table.odd()
