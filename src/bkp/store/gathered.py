"""Drafts of stores that take an object only as a whole, and under its name."""

from collections.abc import Callable

from .base import Buffer, ObjectName


class GatheredDraft:
    """Keeps what is appended in memory until it is put; see Draft."""

    def __init__(self, put: Callable[[ObjectName, Buffer], None]) -> None:
        self._put = put
        self._data = bytearray()

    def append(self, data: Buffer) -> None:
        """Copy it."""
        self._data += data

    def contents(self) -> bytes:
        """Return a copy."""
        return bytes(self._data)

    def publish(self, name: ObjectName) -> None:
        """Put all of it."""
        self._put(name, self._data)
        self.discard()

    def discard(self) -> None:
        """Give back the memory."""
        self._data = bytearray()
