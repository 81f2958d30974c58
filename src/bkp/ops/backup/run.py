"""Take a snapshot: walk, cut, store, fold into trees, save.

What cannot be read of the user's files is reported and left out; what cannot
be stored ends the run without a snapshot.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass

from bkp.events import Reporter
from bkp.files.reading.counting import count
from bkp.files.reading.metadata import NodeReader
from bkp.files.reading.targets import Plan, plan_targets
from bkp.files.reading.walk import walk_in_runs
from bkp.files.selection.excludes import Excludes
from bkp.formats.snapshot import Snapshot
from bkp.ids import SnapshotId
from bkp.ops.commit import commit
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.workers import Background

from .assembly import Assembly
from .contents import ContentWriter
from .labels import SnapshotLabels
from .parent import ChangeRules, Comparison, find_parent
from .parenttree import ParentTree
from .saving import EntrySaver
from .tally import Tally
from .treefold import TreeFold

_SMALL = 512 << 10  # bytes; a file that is larger is worth a thread of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupOptions:
    """How to take a snapshot."""

    labels: SnapshotLabels
    excludes: Excludes
    parent: str = ""  # a snapshot's name; "" finds the newest that fits
    use_parent: bool = True
    rules: ChangeRules = ChangeRules()
    with_atime: bool = False
    skip_if_unchanged: bool = False
    count_ahead: bool = False  # report Scanned, so that progress knows its end
    list_entries: bool = False  # report EntrySaved for each


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupResult:
    """What became of a run; `saved` is None if it was skipped as unchanged."""

    saved: SavedSnapshot | None
    snapshot: Snapshot
    parent: SnapshotId | None
    seconds: float  # it took


def backup(
    repo: Repository, targets: Sequence[bytes], options: BackupOptions, report: Reporter
) -> BackupResult:
    """Save the targets as one snapshot, and load the repository's index for that.

    Problems with single entries are reported and do not stop it.  Raises
    UsageError if there is nothing to save, Locked if somebody else's lock
    forbids it, and StoreError if storing failed: then there is no snapshot,
    and what is stored already need not be stored by the next run.
    """
    plan = plan_targets(targets, report)
    paths = [os.fsdecode(path) for path in plan.paths]
    with repo.lock(eager=True) as lock:
        repo.load_index()
        parent = _choose_parent(repo, options, paths)
        tally = Tally(options.labels.zone)
        with _counting(plan, options, report), repo.blob_writer(lock) as writer:
            nodes = NodeReader(options.labels.zone, report, with_atime=options.with_atime)
            tree = ParentTree(repo, parent and parent.snapshot.tree, report)
            contents = ContentWriter(repo.chunker(), writer, report)
            comparison = Comparison(
                repo.index,
                tree,
                nodes,
                options.rules,
                small=min(_SMALL, contents.uncut),
                singly=options.list_entries,
            )
            saver = EntrySaver(contents, nodes, report)
            jobs = comparison.jobs(walk_in_runs(plan, options.excludes, report))
            singly = options.list_entries
            with (
                closing(saver.save_all(jobs)) as groups,
                TreeFold(writer, tally.count_tree, at_once=singly) as fold,
            ):
                root = Assembly(fold, tally, report, list_entries=singly).assemble(groups)
        snapshot = options.labels.describe(paths, parent and parent.id, root, tally.summary())
        is_wanted = not (options.skip_if_unchanged and parent and parent.snapshot.tree == root)
        saved = commit(repo, lock, snapshot) if is_wanted else None
        return BackupResult(
            saved=saved, snapshot=snapshot, parent=parent and parent.id, seconds=tally.seconds
        )


def _counting(
    plan: Plan, options: BackupOptions, report: Reporter
) -> AbstractContextManager[object]:
    """Return what counts the entries in the background while it is entered, if asked to."""
    if not options.count_ahead:
        return nullcontext()

    def work(should_stop: Callable[[], bool]) -> None:
        for totals in count(plan, options.excludes):
            if should_stop():
                return
            report(totals)

    return Background(work)


def _choose_parent(
    repo: Repository, options: BackupOptions, paths: Sequence[str]
) -> SavedSnapshot | None:
    if options.parent:
        return repo.snapshots.find(options.parent)
    if not options.use_parent:
        return None
    return find_parent(repo, options.labels.host, paths, options.labels.time_ns)
