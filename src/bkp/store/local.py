"""A store in a directory, laid out exactly as restic's local backend does.

`config`, `keys/<id>`, `locks/<id>`, `snapshots/<id>`, `index/<id>` and
`data/<first two digits>/<id>`.  An object is written to a temporary file
beside its place, synced, and linked into it, and the directory is synced
after: a crash leaves the object or a `*-tmp-*` file that every reader skips.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

from bkp.errors import (
    AccessDenied,
    AlreadyExists,
    Malformed,
    NoRepository,
    NotFound,
    StoreError,
    StoreFull,
    Truncated,
    Unavailable,
)
from bkp.ids import is_id

from .base import CONFIG, MAX_WHOLE, Kind, ObjectName

_OPEN_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a FIFO must not be waited for
_ID_DIRECTORIES = (Kind.KEY, Kind.LOCK, Kind.SNAPSHOT, Kind.INDEX, Kind.PACK)


class LocalStore:
    """Objects as files below one directory; see Store for what is promised."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._prefix = os.path.join(root, "")
        self._modes = _Modes.of_repository(root)

    @classmethod
    def create(cls, root: Path) -> "LocalStore":
        """Make the directories of a repository, with all 256 of `data` as restic does."""
        with _translated(str(root)):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for kind in _ID_DIRECTORIES:
                (root / kind.value).mkdir(mode=0o700, exist_ok=True)
            for prefix in range(256):
                (root / Kind.PACK.value / f"{prefix:02x}").mkdir(mode=0o700, exist_ok=True)
            for directory in (root / Kind.PACK.value, root, root.parent):
                _sync_directory(directory)
        return cls(root)

    @classmethod
    def open(cls, root: Path) -> "LocalStore":
        """Return the store at `root`; raises NoRepository if there is no `config` in it."""
        try:
            os.stat(root / CONFIG.kind.value)
        except (FileNotFoundError, NotADirectoryError):
            what = "there is no repository in" if root.is_dir() else "there is no directory"
            raise NoRepository(f"{what} {root}; `bkp init` makes one") from None
        except OSError as error:
            raise _translate(str(root), error) from error
        return cls(root)

    @property
    def location(self) -> str:
        """The path."""
        return str(self._root)

    def get(self, name: ObjectName, start: int = 0, length: int | None = None) -> bytes:
        """Read a file or a range of it."""
        try:
            fd = os.open(self._path_text(name), os.O_RDONLY | _OPEN_FLAGS)
            try:
                return _read_range(fd, name, start, length)
            finally:
                os.close(fd)
        except OSError as error:
            raise _translate(str(name), error) from error

    def put(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        """Write a temporary file, sync it, link it into place, sync the directory."""
        path = self._path(name)
        temporary = path.with_name(f"{path.name}-tmp-{token_hex(5)}")
        with _translated(str(name)):
            if path.exists():
                raise AlreadyExists(f"{name} exists already")
            try:
                self._write_temporary(temporary, data)
                _publish(temporary, path)
            except BaseException:  # an interruption too, wherever it comes
                temporary.unlink(missing_ok=True)
                raise
            _sync_directory(path.parent)

    def scan(self, kind: Kind) -> Iterator[tuple[ObjectName, int]]:
        """List a directory; for packs, its 256 subdirectories too."""
        if kind is Kind.CONFIG:
            with contextlib.suppress(FileNotFoundError):
                yield CONFIG, os.stat(self._path(CONFIG)).st_size
            return
        directory = self._root / kind.value
        if kind is not Kind.PACK:
            yield from self._scan_directory(kind, directory)
            return
        for prefix in _names(directory):
            yield from self._scan_directory(kind, directory / prefix)

    def delete(self, name: ObjectName) -> None:
        """Unlink a file."""
        with _translated(str(name)), contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(name))

    def _path(self, name: ObjectName) -> Path:
        return Path(self._path_text(name))

    def _path_text(self, name: ObjectName) -> str:
        """Return the path, without the help of pathlib: it is needed for every small read."""
        if name.kind is Kind.CONFIG:
            return f"{self._prefix}{name.kind.value}"
        if not is_id(name.id):  # also keeps `..` and `/` out of paths
            raise ValueError(f"not an object name: {name!r}")
        if name.kind is Kind.PACK:
            return f"{self._prefix}{name.kind.value}/{name.id[:2]}/{name.id}"
        return f"{self._prefix}{name.kind.value}/{name.id}"

    def _write_temporary(self, path: Path, data: bytes | bytearray | memoryview) -> None:
        fd = self._open_temporary(path)
        try:
            _write_durably(fd, data)
            # As restic leaves it: read-only, so that nobody edits it by accident.
            with contextlib.suppress(PermissionError):  # FAT and some network shares have no modes
                os.fchmod(fd, self._modes.file & ~0o222)
        finally:
            os.close(fd)

    def _open_temporary(self, path: Path) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN_FLAGS
        try:
            return os.open(path, flags, self._modes.file)
        except FileNotFoundError:  # a `data/xx` that somebody removed while it was empty
            path.parent.mkdir(mode=self._modes.directory, parents=True, exist_ok=True)
            _sync_directory(path.parent.parent)
            return os.open(path, flags, self._modes.file)

    def _scan_directory(self, kind: Kind, directory: Path) -> Iterator[tuple[ObjectName, int]]:
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if not is_id(entry.name):
                        continue
                    with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                        yield ObjectName(kind, entry.name), entry.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise _translate(str(directory), error) from error


class _Modes:
    """Permissions of new files and directories.

    A repository whose `config` its group may read is shared by that group,
    so what is added to it is readable by the group too (as restic does).
    """

    def __init__(self, *, is_shared: bool) -> None:
        self.file = 0o660 if is_shared else 0o600
        self.directory = 0o770 if is_shared else 0o700

    @classmethod
    def of_repository(cls, root: Path) -> "_Modes":
        try:
            mode = os.stat(root / Kind.CONFIG.value).st_mode
        except OSError:
            return cls(is_shared=False)
        return cls(is_shared=bool(mode & stat.S_IRGRP))


def _names(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _translate(str(directory), error) from error


def _read_range(fd: int, name: ObjectName, start: int, length: int | None) -> bytes:
    status = os.fstat(fd)
    size = status.st_size
    if not stat.S_ISREG(status.st_mode):
        raise Malformed(f"{name} is no regular file")
    if length is None and size - start > MAX_WHOLE[name.kind]:
        raise Malformed(f"{name} has {size} bytes, far more than such an object needs")
    wanted = size - start if length is None else length
    if wanted < 0 or start + wanted > size:
        raise Truncated(f"{name} is {size} bytes long, {start + max(wanted, 0)} are needed")
    data = os.pread(fd, wanted, start)
    return data if len(data) == wanted else _read_on(fd, name, data, start, wanted)


def _read_on(fd: int, name: ObjectName, data: bytes, start: int, wanted: int) -> bytes:
    """Go on where one read did not give everything; the system may do so at 2 GiB."""
    pieces = [data]
    done = len(data)
    while done < wanted:
        data = os.pread(fd, wanted - done, start + done)
        if not data:
            raise Truncated(f"{name} ended {wanted - done} bytes early")
        pieces.append(data)
        done += len(data)
    return b"".join(pieces)


def _write_durably(fd: int, data: bytes | bytearray | memoryview) -> None:
    view = memoryview(data)
    written = 0
    while written < len(view):
        written += os.write(fd, view[written:])
    os.fsync(fd)


def _publish(temporary: Path, path: Path) -> None:
    """Give the file its name, refusing to replace; rename where links are not to be had."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise AlreadyExists(f"{path.name} exists already") from None
    except OSError as error:
        # FAT, some network and FUSE file systems know no hard links.
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        os.rename(temporary, path)
        return
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        # Some file systems cannot sync a directory; restic ignores these two as well.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(fd)


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _translate(what, error) from error


def _translate(what: str, error: OSError) -> StoreError:
    reason = f"{what}: {os.strerror(error.errno) if error.errno else error}".lower()
    match error.errno:
        case errno.ENOENT:
            return NotFound(f"{what} does not exist")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return AccessDenied(reason)
        case errno.ENOSPC | errno.EDQUOT:
            return StoreFull(f"{reason}; free some space, then run this again")
        case errno.EIO | errno.EAGAIN | errno.ETIMEDOUT | errno.ESTALE:
            return Unavailable(reason)
        case _:
            return StoreError(reason)
