"""The snapshot before this one, and which files are unchanged since.

An unchanged file is not read: its chunks are taken over from the parent.
That is decided as restic decides it, from type, size, mtime, ctime and inode,
and only if the index still knows every chunk: a file whose chunks were lost
is read again, which heals the repository.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bkp.errors import Malformed
from bkp.files.reading.metadata import NodeReader
from bkp.files.reading.walk import Entry, Run, Step
from bkp.files.status import AnyStatus
from bkp.formats.encoded import (
    NEW,
    SAME,
    PlainTree,
    decode_node,
)
from bkp.formats.pack import BlobType
from bkp.formats.snapshot import Snapshot
from bkp.formats.tree import Node
from bkp.repo.index import BlobIndex
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot

from .jobs import AnyJob, Job, SameFiles, SmallFiles
from .parenttree import ParentTree


def find_parent(
    repo: Repository, host: str, paths: Sequence[str], time_ns: int
) -> SavedSnapshot | None:
    """Return the newest snapshot of a host, not after `time_ns`, that has all the paths.

    It may have more: a part of what was saved before is still a parent.
    """

    def fits(snapshot: Snapshot) -> bool:
        return (
            snapshot.hostname == host
            and set(paths) <= set(snapshot.paths)
            and snapshot.time_ns <= time_ns
        )

    fitting = [saved for saved in repo.snapshots.load_all() if fits(saved.snapshot)]
    return fitting[-1] if fitting else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRules:
    """Which differences make a file count as changed; mtime and size always do."""

    ignore_inode: bool = False  # for file systems whose inode numbers do not last; also ctime
    ignore_ctime: bool = False

    def take_for_same(self, node: Node, stat: AnyStatus) -> bool:
        """Say whether a file is so like what was stored that it need not be read."""
        try:
            return (
                node.size == stat.st_size
                and node.mtime_ns == stat.st_mtime_ns
                and (self.ignore_inode or node.inode == stat.st_ino)
                and (self.ignore_ctime or self.ignore_inode or node.ctime_ns == stat.st_ctime_ns)
            )
        except Malformed:  # rustic leaves out times it does not know
            return False


class Comparison:
    """Says of each entry what the parent knew of it, and whether that still holds.

    Files of at most `small` bytes are to be read by the hundred; with
    `singly` every entry is a job of its own.
    """

    def __init__(
        self,
        index: BlobIndex,
        tree: ParentTree,
        nodes: NodeReader,
        rules: ChangeRules,
        *,
        small: int,
        singly: bool,
    ) -> None:
        self._index = index
        self._tree = tree
        self._nodes = nodes
        self._rules = rules
        self._small = small
        self._singly = singly or nodes.with_atime

    def jobs(self, met: Iterable[Entry | Run]) -> Iterator[AnyJob]:
        """Yield what to do about everything a walk meets."""
        tree = self._tree
        for entry in met:
            if isinstance(entry, Run):
                yield from self._compare_run(entry)
            elif entry.step is Step.FILE:
                yield self._compare_file(entry, tree.nodes.get(entry.name))
            elif entry.step is Step.LEAF:
                yield Job(entry, tree.nodes.get(entry.name))
            elif entry.step is Step.ENTER:
                yield Job(entry, tree.enter(entry.name))
            else:
                tree.leave()
                yield Job(entry, None)

    def _compare_run(self, run: Run) -> Iterator[AnyJob]:
        tree = self._tree.nodes
        if self._singly or not isinstance(tree, PlainTree):
            yield from self._compare_each(run)
            return
        for begin, end, verdict, nodes, ids in self._nodes.compare(run, tree, self._small):
            stretch = run._replace(begin=begin, end=end)
            if verdict == NEW:
                yield SmallFiles(stretch)
            elif verdict == SAME and self._is_stored(ids):
                yield SameFiles(stretch, nodes)
            else:
                yield from self._compare_each(stretch)

    def _compare_each(self, run: Run) -> Iterator[AnyJob]:
        for row, entry in enumerate(run.entries(), run.begin):
            before = self._tree.nodes.get(entry.name)
            job = self._compare_file(entry, before)
            is_small = job.unchanged is None and entry.stat.st_size <= self._small
            if is_small and not self._singly:
                yield SmallFiles(run._replace(begin=row, end=row + 1), before)
            else:
                yield job

    def _compare_file(self, entry: Entry, before: bytes | None) -> Job:
        if before is None:
            return Job(entry, None)
        node = decode_node(before)
        if node.type != "file" or node.content is None:
            return Job(entry, before)
        is_same = self._rules.take_for_same(node, entry.stat)
        if is_same and self._is_stored(bytes.fromhex("".join(node.content))):
            return Job(entry, before, unchanged=node)
        return Job(entry, before)

    def _is_stored(self, ids: bytes) -> bool:
        return 0 not in self._index.has_each(BlobType.DATA, ids)
