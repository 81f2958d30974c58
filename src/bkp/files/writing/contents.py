"""Writing the contents of files in a restore target, piece by piece, in any order.

Files are made anew for their owner alone, or changed in place when they are
what was looked at before; see target for why nothing leads outside.  Several
threads may write different pieces of one file at once.  Does not know where
the pieces come from.
"""

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from bkp.errors import SourceError

from .descriptors import DescriptorCache
from .remove import remove, remove_tree
from .sparse import HOLE, data_runs
from .target import Directory, Identity, Target, Touching

_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # never wait for the other end of a FIFO

# The mode of a file that lacks some of its contents: for its owner only, and marked by the sticky
# bit, which means nothing to Linux on a file.  It is there from the first instant, so a run that
# is killed or has no room leaves no file that a later one takes for complete.
_INCOMPLETE = stat.S_ISVTX | 0o600

_OPEN_FILES = 64


def is_incomplete(status: os.stat_result) -> bool:
    """Say whether this is a file that a restore began and did not finish."""
    return stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) == _INCOMPLETE


class TargetFile:
    """A regular file to be written: where, how long, over what.

    `found` is the identity of the file to be changed in place, None to make
    one; then `is_in_way` says that something must be removed for it first.
    """

    __slots__ = ("directory", "found", "is_fresh", "is_in_way", "is_opened", "name", "size")

    def __init__(self, directory: Directory, name: bytes, size: int) -> None:
        self.directory = directory
        self.name = name
        self.size = size
        self.found: Identity | None = None
        self.is_in_way = False
        self.is_opened = False
        self.is_fresh = False  # made by this run: zero wherever it was not written

    @property
    def path(self) -> bytes:
        """The path from the target as root."""
        return self.directory.path(self.name)


class ContentsWriter:
    """Opens, writes and closes files of a target; a context manager."""

    def __init__(self, target: Target, *, sparse: bool, replace_directories: bool) -> None:
        self._target = target
        self._sparse = sparse
        self._replace_directories = replace_directories
        self._lock = threading.Lock()
        self._open: DescriptorCache[TargetFile] = DescriptorCache(_OPEN_FILES)

    @contextmanager
    def once(self, file: TargetFile) -> Iterator[int]:
        """Open a file that nobody else is using, and close it after the `with`."""
        with Touching(file.directory, file.name):
            fd = self._open_file(file)
            try:
                yield fd
            finally:
                os.close(fd)

    @contextmanager
    def shared(self, file: TargetFile) -> Iterator[int]:
        """Open a file that others may be using; it may stay open until `done`."""
        with Touching(file.directory, file.name):
            with self._lock:
                self._raise_if_lost(file)
                fd = self._open.get(file)
                if fd is None:
                    fd = self._open_file(file)
                    self._open.put(file, fd)
                    file.found = Identity.of(os.fstat(fd))  # by which it is known later
                self._open.pin(file)
            try:
                yield fd
            finally:
                with self._lock:
                    self._open.unpin(file)

    def done(self, file: TargetFile) -> None:
        """Close a file that nobody is using any more."""
        with Touching(file.directory, file.name), self._lock:
            self._raise_if_lost(file)
            self._open.drop(file)

    def _raise_if_lost(self, file: TargetFile) -> None:
        """Raise what the system said when the file was closed to make room for others.

        Some file systems tell only then that there was no room for what was written.
        """
        error = self._open.lost.get(file)
        if error is not None:
            raise OSError(*error.args)

    def write(self, file: TargetFile, fd: int, data: bytes | memoryview, offset: int) -> None:
        """Write a piece of an open file.  Raises OSError, for the opener to translate."""
        view = memoryview(data)
        if self._sparse and file.is_fresh and file.size >= HOLE:
            for start, end in data_runs(data, offset):
                _write_all(fd, view[start:end], offset + start)
        else:
            _write_all(fd, view, offset)

    def _open_file(self, file: TargetFile) -> int:
        if file.found is None:
            return self._create(file)
        with self._target.reach(file.directory) as directory:
            fd = os.open(file.name, os.O_RDWR | _FLAGS, dir_fd=directory)
        try:
            if Identity.of(os.fstat(fd)) != file.found:
                raise SourceError(file.path, "became another file while it was being restored")
            if not file.is_opened:
                _prepare(fd, file)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _create(self, file: TargetFile) -> int:
        if file.is_in_way:
            self._clear(file)
        with self._target.reach(file.directory) as directory:
            fd = os.open(
                file.name,
                os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS,
                _INCOMPLETE,
                dir_fd=directory,
            )
        try:
            file.is_fresh = file.is_opened = True
            if file.size >= HOLE:
                os.ftruncate(fd, file.size)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _clear(self, file: TargetFile) -> None:
        if self._replace_directories:
            remove_tree(self._target, file.directory, file.name)
        else:
            remove(self._target, file.directory, file.name)
        file.is_in_way = False

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            self._open.close()

    def __enter__(self) -> "ContentsWriter":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Found(NamedTuple):
    """An open file that was there before.

    It may be changed in place if it can be written, and no other name of it,
    perhaps outside the target, would notice.
    """

    fd: int
    identity: Identity
    size: int
    has_other_names: bool
    is_changeable: bool


@contextmanager
def opened_for_comparison(target: Target, directory: Directory, name: bytes) -> Iterator[Found]:
    """Open a regular file that exists, for reading with `read_piece`.

    Raises SourceError if it cannot be read.
    """
    with Touching(directory, name):
        with target.reach(directory) as parent:
            fd, is_writable = _open_existing(name, parent)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise SourceError(directory.path(name), "is no longer a regular file")
            identity, has_other_names = Identity.of(status), status.st_nlink > 1
            is_changeable = is_writable and not has_other_names
            yield Found(fd, identity, status.st_size, has_other_names, is_changeable)
        finally:
            os.close(fd)


def read_piece(fd: int, size: int, offset: int) -> bytes:
    """Return `size` bytes at `offset`, fewer only if the file ends there."""
    data = os.pread(fd, size, offset)
    while len(data) < size:
        more = os.pread(fd, size - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


def _open_existing(name: bytes, parent: int) -> tuple[int, bool]:
    try:
        return os.open(name, os.O_RDWR | _FLAGS, dir_fd=parent), True
    except OSError:  # permissions, or a program that is running
        return os.open(name, os.O_RDONLY | _FLAGS, dir_fd=parent), False


def _prepare(fd: int, file: TargetFile) -> None:
    """Make a file that exists ready to be changed."""
    file.is_opened = True
    if os.fstat(fd).st_uid == os.geteuid() or os.geteuid() == 0:
        os.fchmod(fd, _INCOMPLETE)  # who may read the old contents may not be let into the new
    os.ftruncate(fd, file.size)


def _write_all(fd: int, view: memoryview, offset: int) -> None:
    while view:
        written = os.pwrite(fd, view, offset)
        view = view[written:]
        offset += written
