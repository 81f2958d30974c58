"""A store in memory: for tests, and for trying things without a disk."""

import threading
from collections.abc import Iterator

from bkp.errors import AlreadyExists, NotFound, Truncated

from .base import Buffer, Draft, Kind, ObjectName
from .gathered import GatheredDraft


class MemoryStore:
    """Objects in a dictionary; see Store for what is promised."""

    location = "memory:"

    def __init__(self) -> None:
        self._objects: dict[ObjectName, bytes] = {}
        self._lock = threading.Lock()

    def get(self, name: ObjectName, start: int = 0, length: int | None = None) -> bytes:
        """Return an object or a range of it."""
        try:
            data = self._objects[name]
        except KeyError:
            raise NotFound(f"{name} does not exist") from None
        end = len(data) if length is None else start + length
        if start > len(data) or end > len(data):
            raise Truncated(f"{name} is {len(data)} bytes long, {end} are needed")
        return data[start:end]

    def begin(self, _kind: Kind, /) -> Draft:
        """Return a draft that is put when it is complete."""
        return GatheredDraft(self.put)

    def put(self, name: ObjectName, data: Buffer) -> None:
        """Keep a copy of `data`."""
        with self._lock:
            if name in self._objects:
                raise AlreadyExists(f"{name} exists already")
            self._objects[name] = bytes(data)

    def replace(self, name: ObjectName, data: Buffer) -> None:
        """Keep a copy of `data` instead."""
        with self._lock:
            self._objects[name] = bytes(data)

    def scan(self, kind: Kind) -> Iterator[tuple[ObjectName, int]]:
        """Yield what is there now."""
        with self._lock:
            present = [(name, len(data)) for name, data in self._objects.items()]
        yield from (found for found in present if found[0].kind is kind)

    def delete(self, name: ObjectName) -> None:
        """Forget an object."""
        with self._lock:
            self._objects.pop(name, None)
