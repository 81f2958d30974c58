"""Names and bytes: what a store is, and what every store promises.

A store keeps immutable objects.  It knows nothing of packs, keys or
snapshots and never looks inside the bytes.  Objects are small enough to be
read whole.  What is written piece by piece is a draft until it is published.
"""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple, Protocol


class Kind(Enum):
    """The kinds of object in a repository; the value is the directory's name."""

    CONFIG = "config"
    KEY = "keys"
    LOCK = "locks"
    SNAPSHOT = "snapshots"
    INDEX = "index"
    PACK = "data"


class ObjectName(NamedTuple):
    """What an object is called: its kind, and 64 hex digits unique within it."""

    kind: Kind
    id: str

    def __str__(self) -> str:
        return self.kind.value if self.kind is Kind.CONFIG else f"{self.kind.value}/{self.id}"


CONFIG = ObjectName(Kind.CONFIG, "")  # the one object without an id

# Bytes an object may have to be read whole: hostile storage must not be able to take all memory.
MAX_WHOLE = {
    Kind.CONFIG: 1 << 20,
    Kind.KEY: 1 << 20,
    Kind.LOCK: 1 << 20,
    Kind.SNAPSHOT: 256 << 20,  # lists its targets, which --files-from may make millions
    Kind.INDEX: 1 << 30,
    Kind.PACK: 1 << 30,  # restic's largest is 128 MiB and a little, or one blob of any size
}


Buffer = bytes | bytearray | memoryview


class Draft(Protocol):
    """An object being written: it has no name yet, and no reader sees it.

    To be used by one thread at a time, and ended by `publish` or `discard`.
    Each verb may raise what those of a store may; a draft that did is of no
    use any more, and to be discarded.
    """

    def append(self, data: Buffer) -> None:
        """Add bytes at the end; the buffer may be used again after that."""

    def contents(self) -> bytes:
        """Return all that was appended."""

    def publish(self, name: "ObjectName") -> None:
        """Make it an object of that name; promises and raises what `Store.put` does."""

    def discard(self) -> None:
        """Forget it, as far as that can be done.  Never fails; does nothing after `publish`."""


class Store(Protocol):
    """Named bytes somewhere, which never change but for the config.

    Every verb may raise AccessDenied, Unavailable when trying again could
    help, and StoreError when it could not.  Verbs may be called from several
    threads at once.
    """

    @property
    def location(self) -> str:
        """Where this is, as a person would write it; without credentials."""

    def get(self, name: ObjectName, start: int = 0, length: int | None = None) -> bytes:
        """Return an object, or exactly `length` bytes of it from `start`.

        Raises NotFound if there is no such object, and Truncated if it ends
        inside the range asked for: a short read is never returned.
        """

    def begin(self, kind: Kind, /) -> Draft:
        """Return an empty draft of an object of that kind, whose name is not known yet."""

    def put(self, name: ObjectName, data: Buffer) -> None:
        """Store an object, completely or not at all.

        When this returns the object survives a power cut.  Raises
        AlreadyExists rather than replace (objects never change), and
        StoreFull when there is no room.
        """

    def replace(self, name: ObjectName, data: Buffer) -> None:
        """Put other bytes in the place of an object, for the config alone.

        At once where the storage can: who reads meanwhile has one or the other.
        """

    def scan(self, kind: Kind) -> Iterator[tuple[ObjectName, int]]:
        """Yield the name and size in bytes of every object of a kind, in no order.

        Objects put or deleted meanwhile may or may not appear.  Files whose
        names are no ids are not objects and are skipped.
        """

    def delete(self, name: ObjectName) -> None:
        """Remove an object.  Removing what is not there is not an error."""
