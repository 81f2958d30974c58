"""The trees of the parent snapshot, walked in step with the file system.

Trees of directories that lie side by side are read together: reading one by
itself costs more than what is in it.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from bkp.errors import IntegrityError
from bkp.events import Notice, Reporter
from bkp.formats.encoded import EMPTY_TREE, PlainTree, open_tree, subtree_of
from bkp.formats.pack import BlobType
from bkp.ids import BlobId
from bkp.repo.repository import Repository

_TOGETHER = 64  # trees; how many bytes of them is for the repository to say

Nodes: TypeAlias = PlainTree | dict[bytes, bytes]


@dataclass(slots=True)
class _Level:
    nodes: Nodes
    ahead: dict[BlobId, bytes] = field(default_factory=dict)  # trees below it


class ParentTree:
    """A walk through a parent's trees in step with a walk of the file system."""

    def __init__(self, repo: Repository, root: BlobId | None, report: Reporter) -> None:
        self._repo = repo
        self._report = report
        self._levels = [_Level(EMPTY_TREE if root is None else self._load(root))]

    @property
    def nodes(self) -> Nodes:
        """What is in the directory the walk is in."""
        return self._levels[-1].nodes

    def enter(self, name: bytes) -> bytes | None:
        """Follow the walk into a directory; return the parent's node of it."""
        level = self._levels[-1]
        node = level.nodes.get(name)
        tree = subtree_of(node) if node else None
        self._levels.append(_Level(EMPTY_TREE if tree is None else self._below(level, name, tree)))
        return node

    def leave(self) -> None:
        """Follow the walk out of the directory it is in."""
        self._levels.pop()

    def _below(self, level: _Level, name: bytes, tree: BlobId) -> Nodes:
        """Return the nodes of a directory, having read those that follow as well."""
        if tree not in level.ahead and isinstance(level.nodes, PlainTree):
            wanted = level.nodes.subtrees(name, _TOGETHER)
            level.ahead = self._repo.read_few_trees(wanted) if len(wanted) > 1 else {}
        data = level.ahead.pop(tree, None)
        return self._load(tree) if data is None else self._open(tree, data)

    def _load(self, tree: BlobId) -> Nodes:
        try:
            return self._open(tree, self._repo.read_blob(BlobType.TREE, tree))
        except IntegrityError as error:
            return self._distrust(tree, error)

    def _open(self, tree: BlobId, data: bytes) -> Nodes:
        try:
            return open_tree(data)
        except IntegrityError as error:
            return self._distrust(tree, error)

    def _distrust(self, tree: BlobId, error: IntegrityError) -> Nodes:
        """Go on without a tree: reading anew what is below, and it if it is the same, heals it."""
        self._repo.index.distrust(BlobType.TREE, tree)
        self._report(Notice(f"the parent snapshot is damaged, reading files anew: {error}"))
        return EMPTY_TREE
