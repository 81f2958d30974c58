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
from bkp.events import Checked, Problem, Reporter
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

    `lock` is one of the target.  Both indexes must be loaded, of the source
    what is intact.  A snapshot of which something cannot be read is reported,
    and not copied.  Raises UsageError if both are the same.
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
    while (batch := copying.copy_some(waiting, lock)) is not None:
        for saved in batch:
            new = replace(saved.snapshot, parent=None, original=_origin(saved))
            stored = commit(target, lock, new, harmless=copying.harmless)
            yield Copied(saved, stored, was_there=False)


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
        self._added = 0  # bytes
        self.harmless = harmless_marks(target)  # to all that the target's index was asked about

    def copy_some(self, waiting: Iterator[SavedSnapshot], lock: Lock) -> list[SavedSnapshot] | None:
        """Copy what some of the snapshots need; when it returns, that is durable.

        Returns those of which all is there then; None if none were waiting.
        """
        enough = self._added + _PACKS_TOGETHER * self._target.pack_size
        began = time.monotonic()
        copied: list[SavedSnapshot] | None = None
        self.harmless &= harmless_marks(self._target)  # it may have been loaded again
        with self._target.blob_writer(lock) as writer:
            for saved in waiting:
                copied = copied or []
                error = self._copy(saved, writer)
                if error is None:
                    copied.append(saved)
                else:
                    self._leave(saved, error)
                if self._added >= enough and time.monotonic() - began >= _SECONDS_TOGETHER:
                    break
        return copied

    def _copy(self, saved: SavedSnapshot, writer: BlobWriter) -> IntegrityError | None:
        """Store what a snapshot needs and is not there; return why if not all can be read."""
        try:
            lacking = self._lacking(saved)
        except IntegrityError as error:
            return error
        for kind, read in (
            (BlobType.DATA, self._source.read_blobs),
            (BlobType.TREE, self._source.read_trees),
        ):
            copier = BlobCopier(kind, writer)
            for unreadable in read(lacking[kind], copier.take).values():
                return unreadable
            self._added += copier.added
            self._report(Checked("copy", copier.blobs, len(lacking[kind])))
        return None

    def _lacking(self, saved: SavedSnapshot) -> dict[BlobType, list[BlobId]]:
        """Return what a snapshot needs and the target does not have."""
        lacking: dict[BlobType, list[BlobId]] = {kind: [] for kind in BlobType}

        def take(kind: BlobType, names: list[BlobId]) -> None:
            known = self._target.index.has_each(kind, b"".join(names))
            pairs = zip(names, known, strict=True)
            lacking[kind] += [name for name, is_known in pairs if not is_known]

        reach(self._source, [saved.snapshot.tree], self._met, self._report, take)
        return lacking

    def _leave(self, saved: SavedSnapshot, error: IntegrityError) -> None:
        advice = f"`bkp check --read-data` of {self._source.location} tells what that means"
        path = f"snapshots/{saved.id.hex()}".encode()
        self._report(Problem("copy", path, f"not copied: {error}; {advice}"))
        self._met = BlobSet()  # of what was met on its way not all was copied
