"""Find where blobs and trees are used: in which files, directories and snapshots.

Snapshots share most of their trees, and whether one leads to what is wanted
does not depend on where it is.  So each is looked into once, and all that is
remembered of it is which of its entries do.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bkp.errors import Malformed
from bkp.events import Problem, Reporter, ignore
from bkp.formats.pack import BlobType
from bkp.formats.tree import Node
from bkp.ids import BlobId
from bkp.ops.walktree import TreeSource, join, nodes_or_none, subtree_of
from bkp.repo.snapshots import SavedSnapshot

from .wanted import Wanted


class Use(NamedTuple):
    """A place where a blob is used.

    Data is used by the file at `path`, which is an entry of the tree `parent`;
    a tree by the directory at `path`, and it has no `parent` here.
    """

    saved: SavedSnapshot
    kind: BlobType
    id: BlobId
    path: bytes
    parent: BlobId | None = None


def find_uses(
    source: TreeSource,
    snapshots: Iterable[SavedSnapshot],
    wanted: Wanted,
    report: Reporter = ignore,
) -> Iterator[Use]:
    """Yield all uses of what is wanted, snapshot by snapshot in the order given.

    A file that has a blob several times uses it once.  What cannot be read is
    reported, once.
    """
    search = _Search(source, wanted, report)
    for saved in snapshots:
        yield from search.run(saved)


class _Entry(NamedTuple):
    """What of a tree matters: a file with wanted blobs, or a directory that is or leads to any."""

    name: bytes
    blobs: tuple[BlobId, ...] = ()
    subtree: BlobId | None = None


@dataclass(slots=True)
class _Level:
    path: bytes
    tree: BlobId
    nodes: Sequence[Node]
    position: int = 0
    entries: list[_Entry] = field(default_factory=list)


class _Search:
    """Looks into trees, and remembers what in each of them matters."""

    def __init__(self, source: TreeSource, wanted: Wanted, report: Reporter) -> None:
        self._source = source
        self._wanted = wanted
        self._report = report
        self._entries: dict[BlobId, Sequence[_Entry]] = {}

    def run(self, saved: SavedSnapshot) -> Iterator[Use]:
        root = saved.snapshot.tree
        self._explore(root)
        if self._is_wanted(root):
            yield Use(saved, BlobType.TREE, root, b"/")
        levels = [(b"/", root, iter(self._entries[root]))]
        while levels:
            directory, tree, entries = levels[-1]
            entry = next(entries, None)
            if entry is None:
                levels.pop()
                continue
            path = join(directory, entry.name)
            for blob in entry.blobs:
                yield Use(saved, BlobType.DATA, blob, path, tree)
            if entry.subtree is not None:
                if self._is_wanted(entry.subtree):
                    yield Use(saved, BlobType.TREE, entry.subtree, path)
                levels.append((path, entry.subtree, iter(self._entries[entry.subtree])))

    def _explore(self, root: BlobId) -> None:
        """Look into a tree and those below it, but for what was looked into before."""
        levels = [] if root in self._entries else [self._enter(b"/", root)]
        while levels:
            level = levels[-1]
            if level.position == len(level.nodes):
                self._entries[level.tree] = tuple(level.entries)
                levels.pop()
                continue
            node = level.nodes[level.position]
            subtree = self._subtree(level, node) if node.type == "dir" else None
            if subtree is not None and subtree not in self._entries:
                levels.append(self._enter(join(level.path, node.name), subtree))
                continue  # and come back to this entry when it is known
            level.position += 1
            if (entry := self._entry(node, subtree)) is not None:
                level.entries.append(entry)

    def _entry(self, node: Node, subtree: BlobId | None) -> _Entry | None:
        if subtree is not None:
            matters = self._is_wanted(subtree) or self._entries[subtree]
            return _Entry(node.name, subtree=subtree) if matters else None
        if node.type != "file":
            return None
        names = [name for name in node.content or () if name in self._wanted.data]
        blobs = tuple(BlobId(bytes.fromhex(name)) for name in dict.fromkeys(names))
        return _Entry(node.name, blobs=blobs) if blobs else None

    def _enter(self, path: bytes, tree: BlobId) -> _Level:
        nodes = nodes_or_none(self._source, tree, path, self._report)
        return _Level(path, tree, nodes or ())

    def _subtree(self, level: _Level, node: Node) -> BlobId | None:
        try:
            return subtree_of(node)
        except Malformed as error:
            self._report(Problem("listing", join(level.path, node.name), str(error)))
            return None

    def _is_wanted(self, tree: BlobId) -> bool:
        return tree.hex() in self._wanted.trees
