"""Removing entries of a restore target, whole directories included.

Follows no link and leaves the target by no other way; see target.  What is
mounted in the target is not the target's, and is left alone.  Works at any
depth, with few descriptors open.
"""

import os
import stat
from collections.abc import Callable, Iterator

from bkp.errors import SourceError

from .target import Directory, Identity, Presence, Target, Touching

Removed = Callable[[bytes], None]  # given the path of every entry that went


def _ignore(path: bytes) -> None:
    """Do nothing with the path of an entry that went."""


def unexpected(target: Target, directory: Directory, expected: set[bytes]) -> Iterator[bytes]:
    """Yield the names in a directory that are not `expected`, sorted.

    Raises SourceError if the directory cannot be read.
    """
    with Touching(directory), target.reach(directory) as fd:
        names = [os.fsencode(name) for name in os.listdir(fd)]
    yield from sorted(set(names) - expected)


def remove(target: Target, directory: Directory, name: bytes) -> None:
    """Remove one entry that is no directory, or an empty directory.

    Raises SourceError, for a directory that is not empty too.
    """
    with Touching(directory, name), target.reach(directory) as fd:
        if stat.S_ISDIR(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
            os.rmdir(name, dir_fd=fd)
        else:
            os.unlink(name, dir_fd=fd)


def remove_tree(
    target: Target,
    directory: Directory,
    name: bytes,
    removed: Removed = _ignore,
    *,
    dry_run: bool = False,
) -> None:
    """Remove an entry and everything below it, deepest first.

    A dry run only tells what would go.  Raises SourceError for the first
    entry that cannot be removed; what is beside it may be gone already.
    """
    stack = [_Frame(directory, [name])]
    while stack:
        frame = stack[-1]
        if not frame.names:
            stack.pop()
            if stack:
                _remove_dir(target, frame.directory, stack[-1].directory, dry_run=dry_run)
                removed(frame.directory.path())
            continue
        entry = frame.names.pop()
        child = _as_directory(target, frame.directory, entry)
        if child is not None:
            stack.append(_Frame(child, list(unexpected(target, child, set()))))
            continue
        if not dry_run:
            with Touching(frame.directory, entry), target.reach(frame.directory) as fd:
                os.unlink(entry, dir_fd=fd)
        removed(frame.directory.path(entry))


class _Frame:
    __slots__ = ("directory", "names")

    def __init__(self, directory: Directory, names: list[bytes]) -> None:
        self.directory = directory
        self.names = names


def _as_directory(target: Target, parent: Directory, name: bytes) -> Directory | None:
    with Touching(parent, name), target.reach(parent) as fd:
        status = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            return None
        if status.st_dev != os.fstat(fd).st_dev:
            raise SourceError(parent.path(name), "another file system is mounted there")
        if Identity.of(status) == target.spared:
            raise SourceError(parent.path(name), "the repository is there")
    child = Directory(parent, name)
    child.presence = Presence.EXISTING
    return child


def _remove_dir(target: Target, directory: Directory, parent: Directory, *, dry_run: bool) -> None:
    if dry_run:
        return
    with Touching(parent, directory.name), target.reach(parent) as fd:
        os.rmdir(directory.name, dir_fd=fd)
