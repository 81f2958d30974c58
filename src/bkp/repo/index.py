"""Where is each blob, and is it here already?

Built from the index objects of the repository and from what this run has
stored.  A blob may be in several packs (two runs at once store it twice, each
without harm); all its places are known, so a damaged copy need not be the end
of it.
"""

import threading
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bkp.formats.index import IndexedPack
from bkp.formats.pack import BlobType, PackedBlob
from bkp.ids import BlobId, PackId


class Place(NamedTuple):
    """One copy of a blob: the pack it is in, and where there (offsets in bytes)."""

    pack: PackId
    blob: PackedBlob


class _Entry(NamedTuple):
    pack: int
    offset: int
    length: int
    raw_length: int


class BlobIndex:
    """Blob to places.  Reading is safe from any thread while one thread adds."""

    def __init__(self) -> None:
        self._packs: list[PackId] = []
        self._pack_numbers: dict[PackId, int] = {}
        self._tables: dict[BlobType, dict[BlobId, _Entry]] = {kind: {} for kind in BlobType}
        self._copies: dict[tuple[BlobType, BlobId], list[_Entry]] = {}
        self._lock = threading.Lock()

    def add(self, pack: IndexedPack) -> None:
        """Take in a pack; taking in the same one again changes nothing."""
        with self._lock:
            number = self._pack_numbers.setdefault(pack.id, len(self._packs))
            if number == len(self._packs):
                self._packs.append(pack.id)
            for blob in pack.blobs:
                self._add_blob(number, blob)

    def _add_blob(self, pack: int, blob: PackedBlob) -> None:
        entry = _Entry(pack, blob.offset, blob.length, blob.raw_length)
        first = self._tables[blob.type].setdefault(blob.id, entry)
        if first == entry:
            return
        copies = self._copies.setdefault((blob.type, blob.id), [])
        if entry not in copies:
            copies.append(entry)

    def distrust(self, kind: BlobType, name: BlobId) -> None:
        """Forget a blob none of whose copies is intact, so that writing it stores it anew."""
        with self._lock:
            self._tables[kind].pop(name, None)
            self._copies.pop((kind, name), None)

    def has(self, kind: BlobType, name: BlobId) -> bool:
        """Say whether the blob is stored and indexed."""
        return name in self._tables[kind]

    def plain_size(self, kind: BlobType, name: BlobId) -> int | None:
        """Return the size in bytes of a blob's plaintext, or None if it is unknown."""
        entry = self._tables[kind].get(name)
        if entry is None:
            return None
        return PackedBlob(kind, name, entry.offset, entry.length, entry.raw_length).plain_length

    def places(self, kind: BlobType, name: BlobId) -> list[Place]:
        """Return every copy of a blob, the first to try first."""
        first = self._tables[kind].get(name)
        if first is None:
            return []
        entries = [first, *self._copies.get((kind, name), [])]
        return [self._place(kind, name, entry) for entry in entries]

    def _place(self, kind: BlobType, name: BlobId, entry: _Entry) -> Place:
        blob = PackedBlob(kind, name, entry.offset, entry.length, entry.raw_length)
        return Place(self._packs[entry.pack], blob)

    def packs(self) -> Iterable[PackId]:
        """Return the identities of all packs that are indexed."""
        return list(self._packs)

    def all_places(self) -> Iterator[Place]:
        """Yield every copy of every blob, in no order."""
        for kind, table in self._tables.items():
            for name, entry in table.items():
                yield self._place(kind, name, entry)
        for (kind, name), copies in self._copies.items():
            for entry in copies:
                yield self._place(kind, name, entry)

    def __len__(self) -> int:
        return sum(len(table) for table in self._tables.values())
