"""Paths of any length, for system calls that take only 4095 bytes.

Files can lie deeper than any path can say.  Such a path is cut: the directory
where the cut falls is opened, and named through /proc for the rest.
"""

import os
from contextlib import AbstractContextManager

LONGEST = 4000  # bytes; Linux's PATH_MAX is 4096, of which /proc/self/fd/N/ takes its share


class _Reach:
    """Holds what a path goes through; a class, for a generator takes four times as long."""

    __slots__ = ("_fd", "_path")

    def __init__(self, path: bytes) -> None:
        self._path = path
        self._fd = -1

    def __enter__(self) -> bytes:
        path = self._path
        if len(path) <= LONGEST:
            return path
        while len(path) > LONGEST:
            cut = path.rindex(b"/", 0, LONGEST)
            self._enter(path[:cut])
            path = path[cut + 1 :]
        return b"/proc/self/fd/%d/%s" % (self._fd, path)

    def _enter(self, path: bytes) -> None:
        """Open a directory below the one that is open, in its place."""
        above = self._fd
        self._fd = -1
        try:
            self._fd = os.open(
                path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=None if above < 0 else above
            )
        finally:
            if above >= 0:
                os.close(above)

    def __exit__(self, *exc: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)


def reach(path: bytes) -> AbstractContextManager[bytes]:
    """Give another path to the same entry, short enough, good until the `with` ends.

    Only the last component's meaning is left to the caller's system call.
    Entering raises OSError if a directory on the way cannot be passed.
    """
    return _Reach(path)


def lstat(path: bytes) -> os.stat_result:
    """Return the status of an entry, itself if it is a symbolic link; may raise OSError."""
    if len(path) <= LONGEST:
        return os.lstat(path)
    with reach(path) as short:
        return os.lstat(short)


def open_quietly(path: bytes, flags: int) -> int:
    """Open for reading without touching the access time where that is allowed.

    It is to the owner and to root.  The last component is not followed, and
    nothing is waited for.  Raises OSError.
    """
    flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    with reach(path) as short:
        try:
            return os.open(short, flags | os.O_NOATIME)
        except PermissionError:
            return os.open(short, flags)
