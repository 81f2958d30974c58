"""Where blobs are, in plain dicts: the oracle for the native index."""

from collections.abc import Iterable

from bkp.formats.index import IndexedPack
from bkp.formats.pack import BlobType, PackedBlob
from bkp.ids import BlobId, PackId
from bkp.repo.index import Place


class SlowIndex:
    """What BlobIndex does, without any thought for memory or time."""

    def __init__(self) -> None:
        self._packs: dict[PackId, None] = {}
        self._copies: dict[tuple[BlobType, BlobId], dict[Place, None]] = {}

    def add(self, pack: IndexedPack) -> None:
        self._packs[pack.id] = None
        for blob in pack.blobs:
            self._copies.setdefault((blob.type, blob.id), {})[Place(pack.id, blob)] = None

    def distrust(self, kind: BlobType, name: BlobId) -> None:
        self._copies.pop((kind, name), None)

    def names(self) -> Iterable[tuple[BlobType, BlobId]]:
        return list(self._copies)

    def places(self, kind: BlobType, name: BlobId) -> set[Place]:
        return set(self._copies.get((kind, name), {}))

    def packs(self) -> set[PackId]:
        return set(self._packs)

    def blobs_in(self, pack: PackId) -> list[PackedBlob]:
        return [place.blob for place in self.all_places() if place.pack == pack]

    def all_places(self) -> list[Place]:
        return [place for copies in self._copies.values() for place in copies]

    def copies(self) -> int:
        return sum(map(len, self._copies.values()))

    def __len__(self) -> int:
        return len(self._copies)
