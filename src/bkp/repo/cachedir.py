"""A private directory on this machine for what is kept of one repository.

Its files are replaced by renaming only, so whoever has one open keeps what he
has, and two runs may replace it at once.  What somebody else could have
written is not opened, and nothing is put where others may write.

Does not know what the files hold, nor whether to believe it.
"""

import contextlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

TEMPORARY = "-tmp-"  # what a file's name has added to it while it is written
ABANDONED = 24 * 60 * 60  # seconds after which a temporary file belongs to nobody
_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a FIFO would wait

# What says to backup programs that nothing here is worth keeping: https://bford.info/cachedir/
TAG_FILE = "CACHEDIR.TAG"
TAG = b"Signature: 8a477f597d28d172789f06886806bc55\n# Made by bkp; may be deleted.\n"


class CacheDirectory:
    """The directory of one repository, `<directory>/<id of the repository>`; made when needed."""

    def __init__(self, directory: Path, repository: str) -> None:
        self._parent = directory
        self.path = directory / repository

    def open(self, name: str) -> BinaryIO:
        """Open a file to read it.

        Raises FileNotFoundError if there is none, PermissionError if it is
        not the user's alone to write, and OSError.
        """
        _ensure_private(os.stat(self.path, follow_symlinks=False))
        file = os.fdopen(os.open(self.path / name, _OPEN_FLAGS), "rb")
        try:
            status = os.fstat(file.fileno())
            _ensure_private(status)
            if not stat.S_ISREG(status.st_mode):
                raise PermissionError("it is no regular file")
        except BaseException:
            file.close()
            raise
        with contextlib.suppress(OSError):
            os.utime(self.path, follow_symlinks=False)  # when it was last used, for cleaning
        return file

    def replace(self, name: str, write: Callable[[BinaryIO], None]) -> None:
        """Put what `write` writes in the place of a file, all at once; raises OSError.

        Nothing is synced: if power fails, the file may hold anything, unless
        `write` sees to that.
        """
        self._prepare()
        temporary = self.path / f"{name}{TEMPORARY}{token_hex(8)}"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                write(file)
            os.rename(temporary, self.path / name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _prepare(self) -> None:
        self._parent.parent.mkdir(parents=True, exist_ok=True)
        for directory in (self._parent, self.path):
            directory.mkdir(mode=0o700, exist_ok=True)
        _ensure_private(os.stat(self.path, follow_symlinks=False))
        with contextlib.suppress(FileExistsError), open(self.path / TAG_FILE, "xb") as file:
            file.write(TAG)
        for entry in os.scandir(self.path):
            with contextlib.suppress(FileNotFoundError):  # another run is about to rename it
                is_old = time.time() - entry.stat(follow_symlinks=False).st_mtime > ABANDONED
                if TEMPORARY in entry.name and is_old:
                    os.unlink(entry)


def _ensure_private(status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise PermissionError("it belongs to somebody else")
    if status.st_mode & _OTHERS:
        raise PermissionError("others may write to it")
