"""A store that reads through to another and forgets what is put: for dry runs."""

from collections.abc import Iterator

from .base import Buffer, Draft, Kind, ObjectName, Store
from .gathered import GatheredDraft


class DiscardingStore:
    """Looks like a store, changes nothing; what would change it succeeds and does nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def location(self) -> str:
        """Where the store below is."""
        return self._store.location

    def get(self, name: ObjectName, start: int = 0, length: int | None = None) -> bytes:
        """Read from the store below."""
        return self._store.get(name, start, length)

    def begin(self, _kind: Kind, /) -> Draft:
        """Return a draft that is forgotten when it is complete."""
        return GatheredDraft(self.put)

    def put(self, name: ObjectName, data: Buffer) -> None:
        """Do nothing."""

    def replace(self, name: ObjectName, data: Buffer) -> None:
        """Do nothing."""

    def scan(self, kind: Kind) -> Iterator[tuple[ObjectName, int]]:
        """List the store below."""
        return self._store.scan(kind)

    def delete(self, name: ObjectName) -> None:
        """Do nothing."""
