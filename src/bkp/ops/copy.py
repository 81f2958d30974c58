"""Copy snapshots, and what they need, into another repository.

Trees are copied as they are, so what was saved keeps its identity; blobs are
sealed anew, with the other repository's key.  Contents go before trees, and
both before the snapshots that need them.  Stopped anywhere, the next run takes
up what is there.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from bkp.errors import IntegrityError, UsageError
from bkp.events import Checked, Reporter
from bkp.formats.pack import BlobType
from bkp.formats.snapshot import Snapshot
from bkp.ids import BlobId, SnapshotId
from bkp.repo.blobset import BlobSet
from bkp.repo.locking import Lock
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.repo.writer import BlobWriter

from .blobcopy import BlobCopier
from .commit import commit, harmless_marks
from .reach import reach

# Snapshots are copied together until they fill so many packs and took so long: else each would
# leave packs that are nearly empty.
_PACKS_TOGETHER = 100
_SECONDS_TOGETHER = 60


class Copied(NamedTuple):
    """A snapshot of the source, and the same in the target; `was_there` before."""

    source: SavedSnapshot
    target: SavedSnapshot
    was_there: bool


def copy(
    source: Repository,
    target: Repository,
    lock: Lock,
    chosen: Iterable[SavedSnapshot],
    report: Reporter,
) -> Iterator[Copied]:
    """Copy snapshots that the target does not have yet; yield each once it is there.

    `lock` is one of the target; both indexes must be loaded.  Raises
    IntegrityError if something of a snapshot cannot be read: it is not copied
    then, nor are those after it.  Raises UsageError if both are the same.
    """
    if source.config.id == target.config.id:
        raise UsageError("the two repositories are the same one")
    there = _by_origin(target)
    copying = _Copying(source, target, report)
    left = []
    for saved in chosen:
        twin = next((one for one in there.get(_origin(saved), ()) if _is_twin(one, saved)), None)
        if twin is None:
            left.append(saved)
        else:
            yield Copied(saved, twin, was_there=True)
    waiting = iter(left)
    while batch := copying.copy_some(waiting, lock):
        for saved in batch:
            new = replace(saved.snapshot, parent=None, original=_origin(saved))
            new_one = commit(target, lock, new, harmless=copying.harmless)
            yield Copied(saved, new_one, was_there=False)
    if copying.failure is not None:
        raise copying.failure


def _origin(saved: SavedSnapshot) -> SnapshotId:
    return saved.snapshot.original or saved.id


def _by_origin(repo: Repository) -> dict[SnapshotId, list[SavedSnapshot]]:
    found: dict[SnapshotId, list[SavedSnapshot]] = {}
    for saved in repo.snapshots.load_all():
        for name in {saved.id, _origin(saved)}:
            found.setdefault(name, []).append(saved)
    return found


def _is_twin(one: SavedSnapshot, other: SavedSnapshot) -> bool:
    return _content(one.snapshot) == _content(other.snapshot)


def _content(snapshot: Snapshot) -> tuple[object, ...]:
    """Return what makes a snapshot another one, by restic's judgement."""
    return (
        snapshot.time_ns,
        snapshot.tree,
        snapshot.hostname,
        snapshot.username,
        snapshot.uid,
        snapshot.gid,
        sorted(snapshot.paths),
        snapshot.excludes,
        sorted(snapshot.tags),
    )


class _Copying:
    """Remembers what was looked at already."""

    def __init__(self, source: Repository, target: Repository, report: Reporter) -> None:
        self._source = source
        self._target = target
        self._report = report
        self._met = BlobSet()
        self.harmless = harmless_marks(target)  # to all that the target's index was asked about
        self.failure: IntegrityError | None = None  # why no more snapshots are copied

    def copy_some(self, waiting: Iterator[SavedSnapshot], lock: Lock) -> list[SavedSnapshot]:
        """Copy what some of the snapshots need; when it returns, that is durable.

        Returns none after one that cannot be read.
        """
        if self.failure is not None:
            return []
        enough = _PACKS_TOGETHER * self._target.pack_size
        began = time.monotonic()
        copied = []
        added = 0
        self.harmless &= harmless_marks(self._target)  # it may have been loaded again
        with self._target.blob_writer(lock) as writer:
            for saved in waiting:
                try:
                    added += self._copy(saved, writer)
                except IntegrityError as error:
                    self.failure = error
                    break
                copied.append(saved)
                if added >= enough and time.monotonic() - began >= _SECONDS_TOGETHER:
                    break
        return copied

    def _copy(self, saved: SavedSnapshot, writer: BlobWriter) -> int:
        """Store what a snapshot needs and is not there; return the bytes that took."""
        lacking: dict[BlobType, list[BlobId]] = {kind: [] for kind in BlobType}

        def take(kind: BlobType, names: list[BlobId]) -> None:
            known = self._target.index.has_each(kind, b"".join(names))
            pairs = zip(names, known, strict=True)
            lacking[kind] += [name for name, is_known in pairs if not is_known]

        reach(self._source, [saved.snapshot.tree], self._met, self._report, take)
        added = 0
        for kind, read in (
            (BlobType.DATA, self._source.read_blobs),
            (BlobType.TREE, self._source.read_trees),
        ):
            copier = BlobCopier(kind, writer)
            for error in read(lacking[kind], copier.take).values():
                raise error
            added += copier.added
            self._report(Checked("copy", copier.blobs, len(lacking[kind])))
        return added
