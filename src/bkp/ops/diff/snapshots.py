"""Compare two directories of snapshots.

Directories whose trees have the same identity are the same and not looked
into, so comparing takes time in proportion to what differs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bkp.errors import Malformed
from bkp.events import Problem, Reporter, ignore
from bkp.formats.tree import Node
from bkp.ids import BlobId
from bkp.ops.locate import Place
from bkp.ops.walktree import Found, join, nodes_or_none, subtree_of, walk
from bkp.repo.repository import Repository

from .counts import DiffStats, Tally
from .differences import Difference, compare, shown_path


@dataclass(slots=True)
class _Level:
    """Two directories of one path, and the pairs of their entries still to compare."""

    path: bytes
    pairs: Iterator[tuple[bytes, Node | None, Node | None]]


class Comparison:
    """The differences of two places, found while iterating; then the statistics."""

    def __init__(
        self,
        repo: Repository,
        before: Place,
        after: Place,
        *,
        metadata: bool = False,
        report: Reporter = ignore,
    ) -> None:
        """Compare `before` with `after`; what cannot be read is reported and left out."""
        self._repo = repo
        self._before = before
        self._after = after
        self._metadata = metadata
        self._report = report
        self._tally = Tally()

    def __iter__(self) -> Iterator[Difference]:
        """Yield what differs, in the order of paths; to be done once."""
        before, after = self._before, self._after
        if before.is_directory and after.is_directory:
            # As restic: the trees compared are counted, too.
            self._tally.take_trees(before.tree, after.tree)
            yield from self._compare_trees(after.path, before.tree, after.tree)
        else:
            yield from self._compare_nodes(after.path, before.node, after.node)

    def statistics(self) -> DiffStats:
        """Count what was found; to be called after iterating."""
        return self._tally.finish(self._repo, self._report)

    def _compare_trees(self, path: bytes, before: BlobId, after: BlobId) -> Iterator[Difference]:
        levels = [self._open(path, before, after)]
        while levels:
            pair = next(levels[-1].pairs, None)
            if pair is None:
                levels.pop()
                continue
            name, old, new = pair
            below = join(levels[-1].path, name)
            yield from self._compare_nodes(below, old, new)
            if old and new and old.type == new.type == "dir" and old.subtree != new.subtree:
                levels.append(self._enter(below, old, new))

    def _enter(self, path: bytes, old: Node, new: Node) -> _Level:
        try:
            return self._open(path, subtree_of(old), subtree_of(new))
        except Malformed as error:
            self._report(Problem("listing", path, str(error)))
            return _Level(path, iter(()))

    def _open(self, path: bytes, before: BlobId, after: BlobId) -> _Level:
        if before == after:
            self._tally.take_common(before)
            return _Level(path, iter(()))
        old = nodes_or_none(self._repo, before, path, self._report)
        new = nodes_or_none(self._repo, after, path, self._report)
        if old is None or new is None:
            return _Level(path, iter(()))  # half a comparison would look as if files had gone
        by_name = {node.name: node for node in old}, {node.name: node for node in new}
        names = sorted(by_name[0].keys() | by_name[1].keys())
        return _Level(path, ((name, by_name[0].get(name), by_name[1].get(name)) for name in names))

    def _compare_nodes(
        self, path: bytes, old: Node | None, new: Node | None
    ) -> Iterator[Difference]:
        """Compare two entries; below directories only if just one of the two is one."""
        if old is not None and new is not None:
            self._tally.take_both(old, new)
            difference = compare(path, old, new, metadata=self._metadata)
            if difference is not None:
                self._tally.take_difference(difference)
                yield difference
            if old.type == new.type:
                return
        elif old is not None:
            self._tally.removed.take(old)
            yield Difference(shown_path(path, old), "-", old, None)
        elif new is not None:
            self._tally.added.take(new)
            yield Difference(shown_path(path, new), "+", None, new)
        for found in self._walk_below(path, old):
            self._tally.removed.take(found.node)
            yield Difference(shown_path(*found), "-", found.node, None)
        for found in self._walk_below(path, new):
            self._tally.added.take(found.node)
            yield Difference(shown_path(*found), "+", None, found.node)

    def _walk_below(self, path: bytes, node: Node | None) -> Iterator[Found]:
        if node is None or node.type != "dir" or not node.subtree:
            return iter(())
        return walk(self._repo, subtree_of(node), self._report, under=path)
