"""Put a new snapshot in the place of another.

The new one is stored before the old one goes.  If this is stopped between, both
are there: never neither.
"""

from typing import NamedTuple

from bkp.formats.snapshot import Snapshot
from bkp.ops.commit import commit
from bkp.repo.locking import Lock
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot


class Replaced(NamedTuple):
    """A snapshot that was changed, and what it became; None if it was only to be seen, or went."""

    old: SavedSnapshot
    new: SavedSnapshot | None


def replace_snapshot(
    repo: Repository, lock: Lock, old: SavedSnapshot, new: Snapshot, *, keep_old: bool = False
) -> Replaced:
    """Store a snapshot and, unless it is to be kept, remove the one that it comes from.

    All that the new one refers to must be stored and indexed.
    """
    saved = commit(repo, lock, new, of=old)
    if not keep_old:
        remove_snapshot(repo, lock, old)
    return Replaced(old, saved)


def remove_snapshot(repo: Repository, lock: Lock, old: SavedSnapshot) -> None:
    """Remove a snapshot of which nothing is to be left, or that has a successor."""
    lock.confirm()
    repo.snapshots.remove(old.id)
