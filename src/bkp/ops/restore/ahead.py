"""Trees for a walk, read together with those it will come to next.

A tree is small, and reading it by itself costs more than what is in it.
What is read ahead waits with the directory it is in and is gone with it.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Protocol

from bkp.formats.tree import Node
from bkp.ids import BlobId, parse_id

_TOGETHER = 64  # trees; how many bytes of them is for the source to say


class TreeSource(Protocol):
    """Where trees come from."""

    def load_tree(self, name: BlobId) -> list[Node]:
        """Return the nodes of a tree; raises IntegrityError if it cannot be had."""

    def load_trees(self, names: Sequence[BlobId]) -> dict[BlobId, list[Node]]:
        """Return the nodes of some of these trees: those that can be had together."""


class TreesAhead:
    """The trees below one directory that were read before they were asked for."""

    __slots__ = ("_ready", "_source")

    def __init__(self, source: TreeSource) -> None:
        self._source = source
        self._ready: dict[BlobId, list[Node]] = {}

    def load(self, tree: BlobId, following: Iterable[Node]) -> list[Node]:
        """Return the nodes of a tree; raises IntegrityError if it cannot be had.

        `following` are the entries of the directory that come after it.
        """
        nodes = self._ready.pop(tree, None)
        if nodes is None and (others := _subtrees(following)):
            self._ready = self._source.load_trees([tree, *others])
            nodes = self._ready.pop(tree, None)
        return self._source.load_tree(tree) if nodes is None else nodes


def _subtrees(nodes: Iterable[Node]) -> list[BlobId]:
    names = (node.subtree for node in nodes if node.type == "dir")
    subtrees = []
    for name in islice(names, _TOGETHER - 1):
        try:
            subtrees.append(BlobId(parse_id(name)))
        except ValueError:
            break  # told when the walk comes to it
    return subtrees
