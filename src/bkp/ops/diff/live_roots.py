"""Where on disk are the things that a snapshot holds?

A snapshot of absolute targets holds them at their own paths.  One of relative
targets records their absolute paths, but holds them at paths that begin
somewhere below: `bkp snapshot src` in /home/me holds /src, and `bkp snapshot
.` holds what is in /home/me as the root.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bkp.errors import UsageError
from bkp.files.reach import lstat
from bkp.formats.tree import Node


@dataclass(frozen=True, slots=True)
class LiveRoot:
    """A path in a snapshot and where that is on disk."""

    stored: bytes
    live: bytes


Finder = Callable[[bytes], Node | None]


def live_roots(paths: Sequence[str], find: Finder) -> list[LiveRoot]:
    """Return where each of a snapshot's paths is in the snapshot.

    `find` returns the node at a path of the snapshot, or None.
    """
    roots = []
    for path in dict.fromkeys(paths):
        live = os.path.normpath(os.fsencode(path))
        roots.append(LiveRoot(_stored_path(live, find, is_only=len(paths) == 1), live))
    return _without_nested(roots)


def _stored_path(live: bytes, find: Finder, *, is_only: bool) -> bytes:
    if live == b"/" or find(live) is not None:
        return live
    candidates = [(path, node) for path in _suffixes(live) if (node := find(path)) is not None]
    inode = _inode(live)
    for path, node in candidates:
        if node.inode == inode:
            return path
    if candidates and (not is_only or inode is None):
        return candidates[0][0]
    return b"/"


def _suffixes(path: bytes) -> Iterator[bytes]:
    parts = path.split(b"/")[1:]
    for first in range(1, len(parts)):
        yield b"/" + b"/".join(parts[first:])


def _inode(path: bytes) -> int | None:
    try:
        return lstat(path).st_ino
    except OSError:
        return None


def _without_nested(roots: list[LiveRoot]) -> list[LiveRoot]:
    """Leave out what is part of another root, both in the snapshot and on disk."""
    return [root for root in roots if not any(_covers(other, root) for other in roots)]


def _covers(outer: LiveRoot, inner: LiveRoot) -> bool:
    if not is_below(inner.stored, outer.stored):
        return False
    rest = inner.stored[len(outer.stored.rstrip(b"/")) :]
    return outer.live.rstrip(b"/") + rest == inner.live


def is_below(path: bytes, directory: bytes) -> bool:
    """Say whether a path is inside a directory."""
    return path != directory and path.startswith(directory.rstrip(b"/") + b"/")


def narrow(roots: Sequence[LiveRoot], path: bytes) -> list[LiveRoot]:
    """Return the roots for the part of a snapshot at `path`.

    Raises UsageError if that was never on disk at a place of its own.
    """
    chosen = []
    for root in roots:
        if root.stored == path or is_below(root.stored, path):
            chosen.append(root)
        elif is_below(path, root.stored):
            rest = path[len(root.stored.rstrip(b"/")) :]
            chosen.append(LiveRoot(path, root.live.rstrip(b"/") + rest))
    if not chosen:
        raise UsageError(f"{os.fsdecode(path)} is no part of what the snapshot was taken of")
    return chosen
