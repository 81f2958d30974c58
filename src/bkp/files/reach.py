"""Paths of any length, for system calls that take only 4095 bytes.

Files can lie deeper than any path can say.  Such a path is cut: the directory
where the cut falls is opened, and named through /proc for the rest.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_LONGEST = 4000  # bytes; Linux's PATH_MAX is 4096, of which /proc/self/fd/N/ takes its share


@contextmanager
def reach(path: bytes) -> Iterator[bytes]:
    """Give another path to the same entry, short enough, good until the `with` ends.

    Only the last component's meaning is left to the caller's system call.
    Raises OSError if a directory on the way cannot be passed.
    """
    if len(path) <= _LONGEST:
        yield path
        return
    fd = -1
    try:
        while len(path) > _LONGEST:
            cut = path.rindex(b"/", 0, _LONGEST)
            fd = _enter(fd, path[:cut])
            path = path[cut + 1 :]
        yield b"/proc/self/fd/%d/%s" % (fd, path)
    finally:
        if fd >= 0:
            os.close(fd)


def _enter(above: int, path: bytes) -> int:
    """Open a directory below the one of descriptor `above`, which is closed."""
    try:
        return os.open(
            path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=None if above < 0 else above
        )
    finally:
        if above >= 0:
            os.close(above)


def lstat(path: bytes) -> os.stat_result:
    """Return the status of an entry, itself if it is a symbolic link; may raise OSError."""
    if len(path) <= _LONGEST:
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
