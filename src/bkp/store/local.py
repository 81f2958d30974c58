"""A store in a directory, laid out exactly as restic's local backend does.

`config`, `keys/<id>`, `locks/<id>`, `snapshots/<id>`, `index/<id>` and
`data/<first two digits>/<id>`.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from bkp.errors import Malformed, NoRepository, StoreError, Truncated
from bkp.ids import is_id

from .base import CONFIG, MAX_WHOLE, Buffer, Kind, ObjectName
from .localdraft import LocalDraft, Modes, sync_directory
from .trouble import translate, translated

_OPEN_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a FIFO must not be waited for
_ID_DIRECTORIES = (Kind.KEY, Kind.LOCK, Kind.SNAPSHOT, Kind.INDEX, Kind.PACK)


class LocalStore:
    """Objects as files below one directory; see Store for what is promised."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._prefix = os.path.join(root, "")
        self._modes = Modes(root / Kind.CONFIG.value)

    @classmethod
    def create(cls, root: Path) -> "LocalStore":
        """Make the directories of a repository, with all 256 of `data` as restic does."""
        with translated(str(root)):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for kind in _ID_DIRECTORIES:
                (root / kind.value).mkdir(mode=0o700, exist_ok=True)
            for prefix in range(256):
                (root / Kind.PACK.value / f"{prefix:02x}").mkdir(mode=0o700, exist_ok=True)
            for directory in (root / Kind.PACK.value, root, root.parent):
                sync_directory(directory)
        return cls(root)

    @classmethod
    def open(cls, root: Path) -> "LocalStore":
        """Return the store at `root`; raises NoRepository if there is no `config` in it."""
        try:
            os.stat(root / CONFIG.kind.value)
        except (FileNotFoundError, NotADirectoryError):
            raise NoRepository(_without_config(root)) from None
        except OSError as error:
            raise translate(str(root), error) from error
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
            raise translate(str(name), error) from error

    def begin(self, kind: Kind, /) -> LocalDraft:
        """Return a temporary file; where it lies says nothing about where the object will."""
        return self._draft(kind, f"a new object of {kind.value}")

    def put(self, name: ObjectName, data: Buffer) -> None:
        """Write a temporary file and publish it; see LocalDraft."""
        draft = self._draft(name.kind, str(name))
        try:
            draft.append(data)
            draft.publish(name)
        finally:  # an interruption too must leave no temporary file
            draft.discard()

    def replace(self, name: ObjectName, data: Buffer) -> None:
        """Write a temporary file and rename it to where the other is."""
        draft = self._draft(name.kind, str(name))
        try:
            draft.append(data)
            draft.publish(name, replace=True)
        finally:
            draft.discard()

    def scan(self, kind: Kind) -> Iterator[tuple[ObjectName, int]]:
        """List a directory; for packs, its 256 subdirectories too.

        Raises StoreError if there is no such directory: what was in it is lost,
        not deleted.  Only locks may have none, for copies of a repository often
        leave out what is empty.
        """
        if kind is Kind.CONFIG:
            with contextlib.suppress(FileNotFoundError):
                yield CONFIG, os.stat(self._path(CONFIG)).st_size
            return
        directory = self._root / kind.value
        if kind is not Kind.LOCK and not directory.is_dir():
            raise StoreError(f"{directory} is missing; if nothing was in it, make it again")
        if kind is not Kind.PACK:
            yield from self._scan_directory(kind, directory)
            return
        for prefix in _names(directory):
            yield from self._scan_directory(kind, directory / prefix)

    def delete(self, name: ObjectName) -> None:
        """Unlink a file."""
        with translated(str(name)), contextlib.suppress(FileNotFoundError):
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

    def _draft(self, kind: Kind, what: str) -> LocalDraft:
        directory = self._root if kind is Kind.CONFIG else self._root / kind.value
        if kind is Kind.PACK:
            directory = directory / os.urandom(1).hex()
        return LocalDraft(directory, self._path, self._modes, what)

    def _scan_directory(self, kind: Kind, directory: Path) -> Iterator[tuple[ObjectName, int]]:
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if not is_id(entry.name):
                        continue
                    with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                        # A link is not followed by who reads either; one to nowhere is no deletion.
                        size = entry.stat(follow_symlinks=False).st_size
                        yield ObjectName(kind, entry.name), size
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise translate(str(directory), error) from error


def _without_config(root: Path) -> str:
    # A key alone is what an `init` leaves that was interrupted.
    for kind in (Kind.SNAPSHOT, Kind.INDEX):
        directory = root / kind.value
        if directory.is_dir() and any(map(is_id, _names(directory))):
            return f"the config of {root} is missing; only a copy of that file helps"
    what = "there is no repository in" if root.is_dir() else "there is no directory"
    return f"{what} {root}; `bkp init` makes one"


def _names(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise translate(str(directory), error) from error


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
