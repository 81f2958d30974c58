"""The directory a restore writes to, its sub-directories reached only by descriptor.

Every component is opened relative to the descriptor of the one above it and
never through a symbolic link, so nothing below the target, whoever puts it
there and whenever, leads outside.  How deep the target is does not matter:
few descriptors are open at a time and no path is ever built for the system.
"""

import errno
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from types import TracebackType
from typing import NamedTuple

from bkp.errors import BkpError, SourceError, UsageError
from bkp.files.reasons import reason

from .descriptors import DescriptorCache

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

# Half of what is open at once, of the 1024 that systems allow at least.
_OPEN_DIRECTORIES = 128

# Failures that the next entry would meet as well.
_GENERAL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE})


class Identity(NamedTuple):
    """What tells one file or directory of a system from another."""

    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Identity":
        """Return the identity of what has this status."""
        return cls(status.st_dev, status.st_ino)


class Presence(Enum):
    """What is known about a directory of the target."""

    UNKNOWN = "unknown"
    NEW = "new"  # made by this run: holds only what this run put there
    EXISTING = "existing"
    ABSENT = "absent"  # a dry run would have made it
    BLOCKED = "blocked"  # it could not be made, so nothing below it can


class Directory:
    """A directory of the target, named by the chain of those above it.

    Compared by identity.  Small, and kept only by what still needs it.
    """

    __slots__ = ("name", "parent", "presence")

    def __init__(self, parent: "Directory | None", name: bytes) -> None:
        self.parent = parent
        self.name = name
        self.presence = Presence.UNKNOWN

    def path(self, name: bytes = b"") -> bytes:
        """Return the path of the entry `name`, from the target as root; for people and patterns."""
        parts = [name] if name else []
        directory = self
        while directory.parent is not None:
            parts.append(directory.name)
            directory = directory.parent
        return b"/" + b"/".join(reversed(parts))

    @property
    def is_reachable(self) -> bool:
        """Whether there is a directory that could be opened."""
        return self.presence in {Presence.NEW, Presence.EXISTING}


class Touching:
    """Translates what the system says about one entry, for use in a `with`.

    An OSError becomes SourceError, or plain BkpError when going on makes no
    sense: no space, no descriptors, a read-only file system.
    """

    __slots__ = ("_directory", "_name")

    def __init__(self, directory: Directory, name: bytes = b"") -> None:
        self._directory = directory
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not isinstance(error, OSError):
            return
        path = self._directory.path(self._name)
        if error.errno in _GENERAL:
            raise BkpError(
                f"cannot restore {os.fsdecode(path)}: {reason(error)};"
                " make room or choose another target, then run the restore again"
            ) from error
        raise SourceError(path, reason(error)) from error


class Target:
    """An open target; a context manager.  Safe to use from several threads."""

    def __init__(self, path: bytes, *, make: bool, spared: Identity | None = None) -> None:
        """Open the directory at `path`, making it and those above it if `make`.

        `path` itself is the user's word and may lead through symbolic links.
        Without `make` it need not exist.  The directory `spared` is not to be
        touched if it is below.  Raises UsageError if it is no directory or
        cannot be used.
        """
        self.root = Directory(None, b"")
        self.spared = spared
        self._lock = threading.Lock()
        self._open: DescriptorCache[Directory] = DescriptorCache(_OPEN_DIRECTORIES)
        self._root_fd = -1
        try:
            if make:
                os.makedirs(path, mode=0o700, exist_ok=True)
            self._root_fd = os.open(path, _OPEN)
            if Identity.of(os.fstat(self._root_fd)) == spared:
                raise UsageError(f"{os.fsdecode(path)} is the repository; restore to elsewhere")
            is_empty = not os.listdir(self._root_fd)
        except FileNotFoundError:
            self.root.presence = Presence.ABSENT
        except (FileExistsError, NotADirectoryError):
            raise UsageError(f"{os.fsdecode(path)} is not a directory to restore into") from None
        except OSError as error:
            raise UsageError(f"cannot restore into {os.fsdecode(path)}: {reason(error)}") from error
        else:
            self.root.presence = Presence.NEW if is_empty else Presence.EXISTING

    @contextmanager
    def reach(self, directory: Directory) -> Iterator[int]:
        """Give a descriptor of a directory, good until the `with` ends.

        Raises OSError, ELOOP or ENOTDIR among them if a component has become
        something else; the caller translates it, knowing for which entry.
        """
        fd = self._pinned(directory)
        try:
            yield fd
        finally:
            with self._lock:
                self._open.unpin(directory)

    @contextmanager
    def reach_each(self, directories: Iterable[Directory]) -> Iterator[dict[Directory, int]]:
        """Give descriptors of several directories, good until the `with` ends.

        Those that cannot be opened are left out.
        """
        reached: dict[Directory, int] = {}
        try:
            for directory in directories:
                if directory not in reached:
                    with suppress(OSError):
                        reached[directory] = self._pinned(directory)
            yield reached
        finally:
            with self._lock:
                for directory in reached:
                    self._open.unpin(directory)

    def _pinned(self, directory: Directory) -> int:
        """Open a directory and pin it.

        The lock is not held meanwhile: opening takes long enough for others
        to come, and each of them would wait for all that is opened.
        """
        missing: list[Directory] = []
        with self._lock:
            here, fd = self._nearest(directory, missing)
            self._open.pin(here)
        for step in reversed(missing):
            try:
                fd = os.open(step.name, _OPEN | os.O_NOFOLLOW, dir_fd=fd)
            except BaseException:
                with self._lock:
                    self._open.unpin(here)
                raise
            with self._lock:
                fd = self._keep(step, fd)
                self._open.pin(step)
                self._open.unpin(here)
            here = step
        return fd

    def _nearest(self, directory: Directory, missing: list[Directory]) -> tuple[Directory, int]:
        """Return what is open, of a directory and those above it; note those that are not."""
        here = directory
        while here.parent is not None:
            known = self._open.get(here)
            if known is not None:
                return here, known
            missing.append(here)
            here = here.parent
        return here, self._root_fd

    def _keep(self, directory: Directory, fd: int) -> int:
        """Return the descriptor to use for a directory that was just opened."""
        known = self._open.get(directory)
        if known is None:
            self._open.put(directory, fd)
            return fd
        os.close(fd)  # somebody else was faster
        return known

    def close(self) -> None:
        """Close all descriptors."""
        with self._lock:
            self._open.close()
            if self._root_fd >= 0:
                os.close(self._root_fd)
                self._root_fd = -1

    def __enter__(self) -> "Target":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
