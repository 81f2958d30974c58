"""Take a snapshot: walk, cut, store, fold into trees, save.

What cannot be read of the user's files is reported and left out; what cannot
be stored ends the run without a snapshot.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass

from msgspec import structs

from bkp.errors import Malformed, UsageError
from bkp.events import Change, EntrySaved, Reporter
from bkp.files.reading.counting import count
from bkp.files.reading.metadata import NodeReader
from bkp.files.reading.targets import Plan, plan_targets
from bkp.files.reading.walk import Entry, Step, walk
from bkp.files.selection.excludes import Excludes
from bkp.formats.snapshot import Snapshot
from bkp.formats.tree import Node
from bkp.ids import BlobId, SnapshotId
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.repo.writer import BlobWriter
from bkp.workers import Background

from .contents import ContentWriter
from .labels import SnapshotLabels
from .parent import ChangeRules, ParentTree, find_parent
from .saving import EntrySaver, Job, Saved
from .tally import Tally
from .treefold import TreeFold


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
    with repo.lock() as lock:
        repo.load_index()
        parent = _choose_parent(repo, options, paths)
        tally = Tally(options.labels.zone)
        with _counting(plan, options, report), repo.blob_writer(lock) as writer:
            tree = ParentTree(repo, parent and parent.snapshot.tree, options.rules, report)
            nodes = NodeReader(options.labels.zone, report, with_atime=options.with_atime)
            saver = EntrySaver(ContentWriter(repo.chunker(), writer, report), nodes, report)
            jobs = _compare(walk(plan, options.excludes, report), tree)
            with closing(saver.save_all(jobs)) as results:
                root = _fold(results, writer, tally, report)
        snapshot = options.labels.describe(paths, parent and parent.id, root, tally.summary())
        lock.ensure()
        if options.skip_if_unchanged and parent and parent.snapshot.tree == root:
            saved = None
        else:
            saved = repo.snapshots.save(snapshot)
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


def _compare(entries: Iterator[Entry], parent: ParentTree) -> Iterator[Job]:
    """Say of each entry what the parent knew of it, and whether that still holds."""
    for entry in entries:
        match entry.step:
            case Step.ENTER:
                yield Job(entry, parent.enter(entry.name))
            case Step.LEAVE:
                parent.leave()
                yield Job(entry, None)
            case Step.LEAF:
                yield Job(entry, parent.node(entry.name), parent.unchanged(entry))


def _fold(results: Iterator[Saved], writer: BlobWriter, tally: Tally, report: Reporter) -> BlobId:
    """Make trees of what was saved, count it, and return the root."""
    fold = TreeFold(writer)
    for saved, node in _completed(results, fold):
        change = _change(saved.job.before, node)
        tally.count(node, saved.added, change)
        report(_event(saved, node, change))
    finished = fold.finish()
    if finished is None:
        raise UsageError("nothing to save: the snapshot would be empty")
    root, written = finished
    tally.count_tree(written)
    return root


def _completed(results: Iterator[Saved], fold: TreeFold) -> Iterator[tuple[Saved, Node]]:
    """Yield each entry when its node is complete: a directory after all that is in it."""
    entered: list[Saved] = []
    for result in results:
        step, node = result.job.entry.step, result.node
        if step is Step.LEAVE:
            directory, written = fold.leave()
            yield entered.pop().with_tree(written), directory
        elif node is None:
            continue
        elif step is Step.ENTER:
            fold.enter(node)
            entered.append(result)
        else:
            fold.add(node)
            yield result, node


def _event(saved: Saved, node: Node, change: Change) -> EntrySaved:
    return EntrySaved(
        saved.job.entry.path,
        saved.job.entry.source,
        node.type,
        change,
        node.size,
        saved.added.new_bytes,
        saved.added.stored_bytes,
    )


def _change(before: Node | None, after: Node) -> Change:
    if before is None:
        return Change.NEW
    return Change.UNCHANGED if before == after or _says_the_same(before, after) else Change.CHANGED


def _says_the_same(before: Node, after: Node) -> bool:
    """Compare nodes whose times may be written in different zones."""
    try:
        if (before.mtime_ns, before.atime_ns, before.ctime_ns) != (
            after.mtime_ns,
            after.atime_ns,
            after.ctime_ns,
        ):
            return False
    except Malformed:
        return False
    return before == structs.replace(
        after, mtime=before.mtime, atime=before.atime, ctime=before.ctime
    )
