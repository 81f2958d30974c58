"""Open a file to be saved, leaving no traces and trusting nothing said of it before.

Its access time is left alone where the system allows that.  A symbolic link
or a FIFO that took the file's place since the walk met it is refused: neither
followed nor waited for.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from typing import Any

from bkp.errors import SourceError
from bkp.files.reach import open_quietly
from bkp.files.reasons import reason

from .walk import Entry


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open file: its status as it is now, and its contents."""

    stat: os.stat_result
    stream: FileIO  # reading raises SourceError


class _Stream(FileIO):
    """A file whose failures are those of the source, not of the storage."""

    def __init__(self, fd: int, path: bytes) -> None:
        super().__init__(fd, "rb", closefd=True)
        self._path = path

    def readinto(self, buffer: Any, /) -> int:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise self._failure(error) from error

    def read(self, size: int | None = -1, /) -> bytes:
        try:
            return super().read(-1 if size is None else size)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> SourceError:
        return SourceError(self._path, f"cannot read: {reason(error)}")


@contextmanager
def open_file(entry: Entry) -> Iterator[OpenFile]:
    """Open a regular file for the time of the `with`.

    Raises SourceError if it cannot be opened or is no regular file any more.
    """
    fd, status = _open_regular(entry.source)
    with _Stream(fd, entry.source) as stream:
        yield OpenFile(status, stream)


def _open_regular(source: bytes) -> tuple[int, os.stat_result]:
    try:
        fd = open_quietly(source, 0)
    except OSError as error:
        raise SourceError(source, f"cannot open: {reason(error)}") from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise SourceError(source, "is not a regular file any more")
    return fd, status
