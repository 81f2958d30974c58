"""Find files by name through all snapshots.

Snapshots share most of their trees: a tree in which nothing was found is
remembered, with the path it was met at, and not looked into again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bkp.errors import Malformed
from bkp.events import Reporter, ignore
from bkp.files.selection.patterns import PatternList
from bkp.formats.tree import Node
from bkp.ids import BlobId
from bkp.ops.walktree import Found, TreeSource, join, nodes_or_none, subtree_of
from bkp.repo.snapshots import SavedSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class FindOptions:
    """What to find: entries that a pattern matches, modified within a time (ns), inclusive."""

    patterns: Sequence[bytes]
    ignore_case: bool = False
    oldest: int | None = None
    newest: int | None = None


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found in one snapshot."""

    saved: SavedSnapshot
    found: list[Found]


def find(
    source: TreeSource,
    snapshots: Iterable[SavedSnapshot],
    options: FindOptions,
    report: Reporter = ignore,
) -> Iterator[Hits]:
    """Yield, for each snapshot in the order given in which there are any, the entries found.

    Raises UsageError if a pattern is bad.  What cannot be read is reported.
    """
    search = _Search(source, options, report)
    for saved in snapshots:
        found = list(search.run(saved.snapshot.tree))
        if found:
            yield Hits(saved, found)


@dataclass(slots=True)
class _Level:
    path: bytes
    nodes: Iterator[Node]
    tree: BlobId
    has_hits: bool = False


class _Search:
    """Searches trees one after the other, and remembers which are in vain."""

    def __init__(self, source: TreeSource, options: FindOptions, report: Reporter) -> None:
        self._source = source
        self._options = options
        self._report = report
        self._patterns = PatternList(options.patterns, ignore_case=options.ignore_case)
        self._in_vain: set[tuple[bytes, BlobId]] = set()

    def run(self, tree: BlobId) -> Iterator[Found]:
        levels = self._enter(b"/", tree)
        while levels:
            level = levels[-1]
            node = next(level.nodes, None)
            if node is None:
                self._leave(levels)
                continue
            path = join(level.path, node.name)
            if self._patterns.matches(path) and self._is_in_time(node):
                level.has_hits = True
                yield Found(path, node)
            if node.type == "dir" and node.subtree and self._is_promising(path):
                levels += self._enter(path, subtree_of(node))

    def _is_promising(self, path: bytes) -> bool:
        return self._patterns.matches(path) or self._patterns.may_match_below(path)

    def _enter(self, path: bytes, tree: BlobId) -> list[_Level]:
        if (path, tree) in self._in_vain:
            return []
        nodes = nodes_or_none(self._source, tree, path, self._report)
        if nodes is None:
            self._in_vain.add((path, tree))  # reported once is enough
            return []
        return [_Level(path, iter(nodes), tree)]

    def _leave(self, levels: list[_Level]) -> None:
        level = levels.pop()
        if not level.has_hits:
            self._in_vain.add((level.path, level.tree))
        elif levels:
            levels[-1].has_hits = True

    def _is_in_time(self, node: Node) -> bool:
        oldest, newest = self._options.oldest, self._options.newest
        if oldest is None and newest is None:
            return True
        try:
            modified = node.mtime_ns
        except Malformed:
            return False
        return (oldest is None or modified >= oldest) and (newest is None or modified <= newest)
