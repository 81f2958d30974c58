"""Nodes in path order to trees, deepest first.

Nodes are the bytes they are in a tree (see formats.encoded).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from bkp.formats.encoded import join_tree, with_subtree
from bkp.formats.pack import BlobType
from bkp.ids import BlobId, blob_id
from bkp.repo.writer import BlobWriter, Written

_TOGETHER = 256 << 10  # bytes of trees that are stored by one call


@dataclass(slots=True)
class _Level:
    name: bytes
    head: bytes | None  # of the directory's node; None for the root, which has none
    nodes: list[bytes] = field(default_factory=list)
    last: bytes = b""  # name


class TreeFold:
    """Builds the trees of a snapshot from a walk; every `enter` needs its `leave`.

    Memory holds the nodes of each directory on the path the walk is on, and
    some finished trees: these are stored by the dozen, unless each is to be
    stored `at_once`.  `count` is told what became of each.
    """

    def __init__(
        self, writer: BlobWriter, count: Callable[[Written], None], *, at_once: bool = False
    ) -> None:
        self._writer = writer
        self._count = count
        self._levels = [_Level(b"", None)]
        self._finished = bytearray()
        self._pieces: list[tuple[int, int]] = []
        self._together = 0 if at_once else _TOGETHER

    def add(self, name: bytes, node: bytes) -> None:
        """Take an entry of the current directory; ValueError unless its name follows the last."""
        self.add_many(name, name, node)

    def add_many(self, first: bytes, last: bytes, nodes: bytes) -> None:
        """Take entries, by the names of the first and the last, and their nodes joined."""
        level = self._levels[-1]
        if first <= level.last:
            raise ValueError(f"a directory in which {first!r} follows {level.last!r}")
        level.nodes.append(nodes)
        level.last = last

    def enter(self, name: bytes, head: bytes) -> None:
        """Begin a directory."""
        self._levels.append(_Level(name, head))

    def leave(self) -> tuple[bytes, Written]:
        """End the current directory; return its node and, if stored at once, what that did."""
        level = self._levels.pop()
        if level.head is None:
            raise ValueError("left more directories than were entered")
        written = self._store(level)
        node = with_subtree(level.head, written.id)
        self.add(level.name, node)
        return node, written

    def finish(self) -> BlobId | None:
        """Store what is not stored yet and return the root, or None if nothing is in it."""
        (level,) = self._levels
        if not level.nodes:
            return None
        root = self._store(level).id
        if self._pieces:
            self._flush()
        return root

    def _store(self, level: _Level) -> Written:
        tree = join_tree(level.nodes)
        self._pieces.append((len(self._finished), len(tree)))
        self._finished += tree
        if len(self._finished) >= self._together:
            return self._flush()
        return Written(blob_id(tree))

    def _flush(self) -> Written:
        """Store finished trees; return what became of the last."""
        stored = self._writer.write_each(BlobType.TREE, self._finished, self._pieces)
        for written in stored:
            self._count(written)
        self._finished = bytearray()
        self._pieces = []
        return stored[-1]
