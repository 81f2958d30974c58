"""Nodes in path order to trees, deepest first.

Nodes are the bytes they are in a tree (see formats.encoded).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bkp.formats.encoded import join_tree, with_subtree
from bkp.formats.pack import BlobType
from bkp.ids import BlobId
from bkp.repo.writer import BlobWriter, Written
from bkp.workers import Pool

_TOGETHER = 256 << 10  # bytes of trees that are stored by one call


@dataclass(slots=True)
class _Level:
    name: bytes
    head: bytes | None  # of the directory's node; None for the root, which has none
    nodes: list[bytes] = field(default_factory=list)
    last: bytes = b""  # name


class TreeFold:
    """Builds the trees of a snapshot from a walk; every `enter` needs its `leave`.

    A context manager.  Memory holds the nodes of each directory on the path
    the walk is on, and some finished trees: these are stored by the dozen in
    another thread, unless each is to be stored `at_once`.  `count` is told
    what became of each, by `finish` at the latest.
    """

    def __init__(
        self, writer: BlobWriter, count: Callable[[Written], None], *, at_once: bool = False
    ) -> None:
        self._writer = writer
        self._count = count
        self._at_once = at_once
        self._levels = [_Level(b"", None)]
        self._finished = bytearray()
        self._pieces: list[tuple[int, int]] = []
        self._stored: deque[Written] = deque()
        self._pool = Pool(1, ahead=2)

    def __enter__(self) -> "TreeFold":
        return self

    def __exit__(self, *exc: Any) -> None:
        self._pool.__exit__(*exc)

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
            self._hand_over()
        self._pool.drain()
        self._count_stored()
        return root

    def _store(self, level: _Level) -> Written:
        tree = join_tree(level.nodes)
        if self._at_once:
            written = self._writer.write(BlobType.TREE, tree)
            self._count(written)
            return written
        self._pieces.append((len(self._finished), len(tree)))
        self._finished += tree
        if len(self._finished) >= _TOGETHER:
            self._hand_over()
        return Written(self._writer.name(tree))

    def _hand_over(self) -> None:
        trees, pieces = self._finished, self._pieces
        self._finished, self._pieces = bytearray(), []
        self._pool.submit(
            lambda: self._stored.extend(self._writer.write_each(BlobType.TREE, trees, pieces))
        )
        self._count_stored()

    def _count_stored(self) -> None:
        while self._stored:
            self._count(self._stored.popleft())
