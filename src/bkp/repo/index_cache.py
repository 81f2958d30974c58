"""Where the saved index of a repository is kept on this machine, and whether to trust it.

A file in a directory of its own in the user's cache, both private.  It is
replaced by renaming only, so whoever has it mapped keeps what he has, and two
runs may save at once.  Nothing depends on it: what cannot be used is built
anew from the repository, and what cannot be written is not.
"""

import contextlib
import mmap
import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path
from secrets import token_hex

from bkp.crypto.seal import Key
from bkp.errors import IntegrityError
from bkp.events import Notice, Reporter

from .index import BlobIndex
from .saved_index import SavedIndex, read_index_file, write_index

_NAME = "blobs"
_TEMPORARY = "blobs-tmp-"
_ABANDONED = 24 * 60 * 60  # seconds after which a temporary file belongs to nobody
_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a FIFO would wait

# What says to backup programs that nothing here is worth keeping: https://bford.info/cachedir/
_TAG = b"Signature: 8a477f597d28d172789f06886806bc55\n# Made by bkp; may be deleted.\n"


class IndexCache:
    """The saved index of one repository, in `<directory>/<id of the repository>`."""

    def __init__(self, directory: Path, repository: str, key: Key, report: Reporter) -> None:
        self._parent = directory
        self._directory = directory / repository
        self._key = key
        self._report = report

    def load(self) -> SavedIndex | None:
        """Return the saved index, or None if there is none that can be used."""
        try:
            return read_index_file(self._map(), self._key)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, IntegrityError) as error:
            self._report(Notice(f"not using the cached index {self._directory / _NAME}: {error}"))
            return None

    def _map(self) -> mmap.mmap:
        self._ensure_private(os.stat(self._directory, follow_symlinks=False))
        fd = os.open(self._directory / _NAME, _OPEN_FLAGS)
        try:
            status = os.fstat(fd)
            self._ensure_private(status)
            if not stat.S_ISREG(status.st_mode):
                raise PermissionError("it is no regular file")
            # Private and writable: what is distrusted is marked in our own copy of a page.
            prot = mmap.PROT_READ | mmap.PROT_WRITE
            mapped = mmap.mmap(fd, status.st_size, flags=mmap.MAP_PRIVATE, prot=prot)
        finally:
            os.close(fd)
        mapped.madvise(mmap.MADV_WILLNEED)
        return mapped

    def _ensure_private(self, status: os.stat_result) -> None:
        if status.st_uid != os.geteuid():
            raise PermissionError("it belongs to somebody else")
        if status.st_mode & _OTHERS:
            raise PermissionError("others may write to it")

    def save(self, index: BlobIndex, objects: Iterable[bytes]) -> None:
        """Save an index made of just these index objects; a failure is only reported."""
        try:
            self._prepare()
            self._write(index, objects)
        except OSError as error:
            self._report(Notice(f"the index cannot be cached in {self._directory}: {error}"))

    def _prepare(self) -> None:
        self._parent.parent.mkdir(parents=True, exist_ok=True)
        for directory in (self._parent, self._directory):
            directory.mkdir(mode=0o700, exist_ok=True)
        self._ensure_private(os.stat(self._directory, follow_symlinks=False))
        with (
            contextlib.suppress(FileExistsError),
            open(self._directory / "CACHEDIR.TAG", "xb") as f,
        ):
            f.write(_TAG)
        for entry in os.scandir(self._directory):
            is_old = time.time() - entry.stat(follow_symlinks=False).st_mtime > _ABANDONED
            if entry.name.startswith(_TEMPORARY) and is_old:
                os.unlink(entry)

    def _write(self, index: BlobIndex, objects: Iterable[bytes]) -> None:
        temporary = self._directory / f"{_TEMPORARY}{token_hex(8)}"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                write_index(file, index, objects, self._key)
            # Not synced: if power fails now, the code does not match, and it is built anew.
            os.rename(temporary, self._directory / _NAME)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
