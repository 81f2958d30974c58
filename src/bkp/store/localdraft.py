"""Write a file of a store on disk so that it is there whole, or not at all.

Bytes go to a file without a name in a directory of the store.  It is synced,
linked to its place and synced again, and the directory of that is synced after.
A crash leaves the object or nothing.

Where the system knows no files without names, it is a temporary file, `bkp-tmp-*`,
which a crash may leave; every reader skips what has no id for a name.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex

from bkp.errors import AlreadyExists

from .base import Buffer, ObjectName
from .trouble import translated

_OPEN_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_UNNAMED = getattr(os, "O_TMPFILE", 0)  # Linux
_OPEN_FILES = "/proc/self/fd"  # through which a file without a name gets one
# What systems say that cannot make such files; see open(2).
_CANNOT = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS)


class Modes:
    """Permissions of new files and directories.

    A repository whose `config` its group may read is shared by that group,
    so what is added to it is readable by the group too (as restic does).
    """

    def __init__(self, config: Path) -> None:
        try:
            is_shared = bool(os.stat(config).st_mode & stat.S_IRGRP)
        except OSError:
            is_shared = False
        self.file = 0o660 if is_shared else 0o600
        self.directory = 0o770 if is_shared else 0o700


class LocalDraft:
    """A temporary file; see Draft.  `what` is what messages call it.

    The file is made when it is needed first: an interruption may come between
    any two steps, and whoever has no draft yet cannot discard it.
    """

    def __init__(
        self, directory: Path, place: Callable[[ObjectName], Path], modes: Modes, what: str
    ) -> None:
        self._place = place
        self._modes = modes
        self._what = what
        self._path = directory / f"bkp-tmp-{token_hex(16)}"
        self._size = 0
        self._fd: int | None = None
        self._has_name = False  # the temporary one
        self._is_ended = False

    def append(self, data: Buffer) -> None:
        """Write behind what was written."""
        with translated(self._what), memoryview(data) as view:
            fd = self._opened()
            written = 0
            while written < len(view):
                written += os.write(fd, view[written:])
            self._size += written

    def contents(self) -> bytes:
        """Read it again."""
        parts: list[bytes] = []
        done = 0
        with translated(self._what):
            while done < self._size:
                part = os.pread(self._opened(), self._size - done, done)
                if not part:
                    raise OSError(errno.EIO, "ended early")
                parts.append(part)
                done += len(part)
        return b"".join(parts)

    def publish(self, name: ObjectName, *, replace: bool = False) -> None:
        """Sync the file, link it to its place (or rename it, to replace), sync the directory."""
        path = self._place(name)
        try:
            with translated(str(name)):
                os.fsync(self._opened())
                # As restic leaves it: read-only, so that nobody edits it by accident.
                with contextlib.suppress(PermissionError):  # FAT and some shares have no modes
                    os.fchmod(self._opened(), self._modes.file & ~0o222)
                self._in_directory(path.parent, lambda: self._give_name(path, replace=replace))
        finally:  # an interruption too, wherever it comes, must leave no more than the object
            self.discard()
        with translated(str(name)):
            sync_directory(path.parent)

    def discard(self) -> None:
        """Close and unlink the file, if there is one."""
        if self._is_ended:
            return
        fd, self._fd = self._fd, None
        with contextlib.suppress(OSError):
            if fd is not None:
                os.close(fd)
        if self._has_name:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        self._is_ended = True

    def _opened(self) -> int:
        if self._is_ended:
            raise ValueError("a draft that is published or discarded")
        if self._fd is None:
            self._fd = self._in_directory(self._path.parent, self._make)
        assert self._fd is not None
        return self._fd

    def _make(self) -> int:
        if _UNNAMED and os.path.isdir(_OPEN_FILES):
            flags = _UNNAMED | os.O_RDWR | os.O_CLOEXEC
            try:
                return os.open(self._path.parent, flags, self._modes.file)
            except OSError as error:
                if error.errno not in _CANNOT:
                    raise
        self._has_name = True  # first, so that an interruption leaves none
        return os.open(self._path, _OPEN_FLAGS, self._modes.file)

    def _give_name(self, path: Path, *, replace: bool) -> None:
        if replace and not self._has_name:
            self._has_name = True
            _link_open(self._opened(), self._path)
        if replace:
            os.replace(self._path, path)
        elif self._has_name:
            _link_or_rename(self._path, path)
        else:
            _link_open(self._opened(), path)

    def _in_directory(self, directory: Path, make: Callable[[], int | None]) -> int | None:
        """Call what makes an entry; make the directory if it is not there."""
        try:
            return make()
        except FileNotFoundError:  # a `data/xx` that somebody removed while it was empty
            directory.mkdir(mode=self._modes.directory, parents=True, exist_ok=True)
            sync_directory(directory.parent)
            return make()


def _link_open(fd: int, path: Path) -> None:
    """Give a name to an open file that has none, refusing to replace another."""
    try:
        # With a descriptor, which an absolute path makes nothing of, Python calls linkat(2), which
        # follows the link that /proc has to the file; link(2) would not.
        os.link(f"{_OPEN_FILES}/{fd}", path, src_dir_fd=fd, follow_symlinks=True)
    except FileExistsError:
        raise AlreadyExists(f"{path.name} exists already") from None
    # btrfs makes nothing durable of a file that no name leads to, nor does syncing the directory:
    # after a power cut the name would be there, and the file empty.
    os.fsync(fd)


def _link_or_rename(temporary: Path, path: Path) -> None:
    """Link a file, refusing to replace another; rename it where links are not to be had."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise AlreadyExists(f"{path.name} exists already") from None
    except OSError as error:
        # FAT, some network and FUSE file systems know no hard links.
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        if path.exists():
            raise AlreadyExists(f"{path.name} exists already") from None
        os.rename(temporary, path)


def sync_directory(path: Path) -> None:
    """Make the entries of a directory durable, where its file system can."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        # Some file systems cannot sync a directory; restic ignores these two as well.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(fd)
