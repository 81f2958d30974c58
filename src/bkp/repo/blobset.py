"""A set of blobs, as compact as the index: for what is used of millions of them."""

from collections.abc import Iterator

from bkp.formats.headers import header_entries
from bkp.formats.pack import SEAL_OVERHEAD, BlobType
from bkp.ids import ID_SIZE, BlobId, PackId

from .index import BlobIndex

_NOWHERE = PackId(bytes(ID_SIZE))


class BlobSet:
    """Identities of blobs; for one thread at a time."""

    def __init__(self) -> None:
        self._index = BlobIndex()

    def add(self, kind: BlobType, names: bytes) -> list[BlobId]:
        """Take in concatenated ids and return those that were not there, each once."""
        known = self._index.has_each(kind, names)
        ids = (BlobId(names[at : at + ID_SIZE]) for at in range(0, len(names), ID_SIZE))
        new = list(
            dict.fromkeys(name for name, is_known in zip(ids, known, strict=True) if not is_known)
        )
        if new:
            sizes = [SEAL_OVERHEAD] * len(new)
            header = header_entries(new, sizes, [0] * len(new), kind is BlobType.TREE)
            self._index.add_stored(_NOWHERE, header)
        return new

    def has_each(self, kind: BlobType, names: bytes) -> bytes:
        """Say for each of the concatenated ids whether it is there: a byte, 1 or 0."""
        return self._index.has_each(kind, names)

    def __len__(self) -> int:
        return len(self._index)

    def __iter__(self) -> Iterator[tuple[BlobType, BlobId]]:
        for place in self._index.all_places():
            yield place.blob.type, place.blob.id
