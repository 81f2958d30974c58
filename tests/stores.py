"""Stores for tests: one that records what is done to it, one that fails on demand."""

from collections.abc import Callable, Container, Iterator

from bkp.errors import StoreError, StoreFull, Unavailable
from bkp.store.base import Kind, ObjectName
from bkp.store.memory import MemoryStore


class RecordingStore(MemoryStore):
    """Remembers the order of puts and deletes, and counts reads."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[tuple[str, ObjectName]] = []
        self.reads: list[tuple[ObjectName, int, int | None]] = []

    def get(self, name: ObjectName, start: int = 0, length: int | None = None) -> bytes:
        self.reads.append((name, start, length))
        return super().get(name, start, length)

    def put(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        super().put(name, data)
        self.log.append(("put", name))

    def delete(self, name: ObjectName) -> None:
        super().delete(name)
        self.log.append(("delete", name))

    def kinds(self) -> list[Kind]:
        """Return the kinds of what was put, in order, runs of one kind as one."""
        kinds: list[Kind] = []
        for verb, name in self.log:
            if verb == "put" and kinds[-1:] != [name.kind]:
                kinds.append(name.kind)
        return kinds


class FailingStore(MemoryStore):
    """Raises what `fails` returns for an operation, if it returns anything."""

    def __init__(self) -> None:
        super().__init__()
        self.fails: Callable[[str, ObjectName], Exception | None] = lambda _verb, _name: None

    def _check(self, verb: str, name: ObjectName) -> None:
        if (error := self.fails(verb, name)) is not None:
            raise error

    def get(self, name: ObjectName, start: int = 0, length: int | None = None) -> bytes:
        self._check("get", name)
        return super().get(name, start, length)

    def put(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        self._check("put", name)
        super().put(name, data)

    def replace(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        self._check("replace", name)
        super().replace(name, data)

    def delete(self, name: ObjectName) -> None:
        self._check("delete", name)
        super().delete(name)


class Stopping:
    """Lets so many operations of some verbs through, then fails: once, or as a dead process."""

    def __init__(self, operations: int, verbs: Container[str], *, for_good: bool) -> None:
        self._left = operations
        self._verbs = verbs
        self._for_good = for_good
        self.was_met = False

    def __call__(self, verb: str, name: ObjectName) -> Exception | None:
        if self.was_met:
            return Unavailable("is gone") if self._for_good else None
        if verb in self._verbs:
            self._left -= 1
            if self._left < 0:
                self.was_met = True
                return StoreError(f"no {name}")
        return None


def never(_verb: str, _name: ObjectName) -> None:
    """Fail at nothing."""


def replace(store: MemoryStore, name: ObjectName, data: bytes) -> None:
    """Put other bytes under a name, as a broken disk would."""
    MemoryStore.delete(store, name)
    MemoryStore.put(store, name, data)


def objects(store: MemoryStore, kind: Kind) -> Iterator[ObjectName]:
    """Yield the names of all objects of a kind."""
    for name, _ in store.scan(kind):
        yield name


class FullStore(MemoryStore):
    """Has room for so many bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.room: float = float("inf")

    def put(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        if self._used() + len(data) > self.room:
            raise StoreFull(f"{name}: no space left")
        super().put(name, data)

    def fill(self) -> None:
        """Leave no room for anything."""
        self.room = self._used()

    def _used(self) -> int:
        return sum(size for kind in Kind for _, size in self.scan(kind))
