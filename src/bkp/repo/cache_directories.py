"""What bkp keeps in a user's cache: one directory for each repository, listed and cleaned.

Nothing is taken for bkp's but what it can have made: a directory named as a
repository, the user's own, with bkp's tag in it.  It is removed only if it
holds nothing but plain files of the names that bkp gives.  All of it is looked
at through descriptors and no link is followed, so nobody can put something
else in its place meanwhile.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bkp.errors import SourceError
from bkp.events import Notice, Problem, Reporter
from bkp.ids import is_id

from .cachedir import ABANDONED, TAG, TAG_FILE, TEMPORARY

_FILES = re.compile(r"blobs|verified-[0-9a-f]{16}")  # beside the tag; see those who keep them
_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO would wait


@dataclass(frozen=True, slots=True)
class KeptDirectory:
    """What is kept of one repository: when it was used last (ns), and the bytes of its files."""

    repository: str
    used_ns: int
    size: int


@dataclass(slots=True)
class Cleaned:
    """What was removed: directories, and elsewhere files that were never finished."""

    directories: list[KeptDirectory] = field(default_factory=list)
    files: int = 0


class _Foreign(Exception):
    """Something that bkp did not make; the message says why it cannot have."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """A directory that bkp made, open, with what is in it."""

    parent: int
    fd: int
    kept: KeptDirectory
    entries: dict[str, os.stat_result]

    def strange(self) -> str | None:
        """Return the name of something in it that bkp did not make, if there is any."""
        for name, status in self.entries.items():
            is_known = _FILES.fullmatch(name.partition(TEMPORARY)[0]) or name == TAG_FILE
            if not is_known or not stat.S_ISREG(status.st_mode):
                return name
        return None


def kept_directories(cache: Path, report: Reporter) -> list[KeptDirectory]:
    """Return what is kept in a cache, that which was not used for the longest time first.

    What is named as if it were bkp's but is not, is told as a Notice.  Raises
    SourceError if the cache is there and cannot be listed.
    """
    found = [opened.kept for opened in _each(cache, report)]
    return sorted(found, key=lambda kept: (kept.used_ns, kept.repository))


def clean(cache: Path, now_ns: int, max_age_ns: int, report: Reporter) -> Cleaned:
    """Remove directories that were not used for `max_age_ns`, and files that were never finished.

    A Problem tells what should be removed and is not.  Raises SourceError as
    `kept_directories` does.
    """
    cleaned = Cleaned()
    for opened in _each(cache, report):
        kept = opened.kept
        is_old = kept.used_ns < now_ns - max_age_ns
        try:
            if not is_old:
                cleaned.files += _remove_unfinished(opened, now_ns)
            elif (strange := opened.strange()) is not None:
                message = f"not removed: it holds {strange}, which bkp did not make"
                report(_problem(cache, kept.repository, message))
            else:
                _remove(opened)
                cleaned.directories.append(kept)
        except OSError as error:
            report(_problem(cache, kept.repository, f"cannot be removed: {error.strerror}"))
    return cleaned


def _each(cache: Path, report: Reporter) -> Iterator[_Opened]:
    try:
        parent = os.open(cache, _OPEN | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SourceError(os.fsencode(cache), f"cannot list {cache}: {error.strerror}") from error
    try:
        for name in sorted(filter(is_id, os.listdir(parent))):
            try:
                with _opened(parent, name) as opened:
                    yield opened
            except FileNotFoundError:
                continue  # somebody else cleans, too
            except (_Foreign, OSError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                report(Notice(f"{cache / name} is left alone: {reason}"))
    finally:
        os.close(parent)


@contextmanager
def _opened(parent: int, name: str) -> Iterator[_Opened]:
    fd = os.open(name, _OPEN | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        status = os.fstat(fd)
        if status.st_uid != os.geteuid():
            raise _Foreign("it belongs to somebody else")
        if status.st_mode & _OTHERS:
            raise _Foreign("others may write to it")
        entries = _entries(fd)
        if entries and not _is_tagged(fd):  # one without anything is from a run that was killed
            raise _Foreign(f"it has no {TAG_FILE} of bkp")
        size = sum(one.st_size for one in entries.values() if stat.S_ISREG(one.st_mode))
        yield _Opened(parent, fd, KeptDirectory(name, status.st_mtime_ns, size), entries)
    finally:
        os.close(fd)


def _entries(directory: int) -> dict[str, os.stat_result]:
    entries = {}
    with os.scandir(directory) as found:
        for entry in found:
            with suppress(FileNotFoundError):  # finished meanwhile, and renamed
                entries[entry.name] = entry.stat(follow_symlinks=False)
    return entries


def _is_tagged(directory: int) -> bool:
    try:
        fd = os.open(TAG_FILE, _OPEN | os.O_NOFOLLOW, dir_fd=directory)
    except OSError:
        return False
    try:
        return stat.S_ISREG(os.fstat(fd).st_mode) and os.read(fd, len(TAG) + 1) == TAG
    finally:
        os.close(fd)


def _remove(opened: _Opened) -> None:
    """Remove a directory, the tag at last: stopped before that, it is still known to be bkp's."""
    for name in sorted(opened.entries, key=lambda name: name == TAG_FILE):
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=opened.fd)
    with suppress(FileNotFoundError):
        os.rmdir(opened.kept.repository, dir_fd=opened.parent)


def _remove_unfinished(opened: _Opened, now_ns: int) -> int:
    """Remove files that a killed run left long ago; return how many."""
    count = 0
    for name, status in opened.entries.items():
        base, addition, _ = name.partition(TEMPORARY)
        is_unfinished = _FILES.fullmatch(base) and addition and stat.S_ISREG(status.st_mode)
        if is_unfinished and status.st_mtime_ns < now_ns - ABANDONED * 1_000_000_000:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=opened.fd)
                count += 1
    if count:  # cleaning is no use
        os.utime(opened.fd, ns=(opened.kept.used_ns, opened.kept.used_ns))
    return count


def _problem(cache: Path, name: str, message: str) -> Problem:
    return Problem("cache", os.fsencode(cache / name), message)
