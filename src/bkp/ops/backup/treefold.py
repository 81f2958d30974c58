"""Nodes in path order to trees, deepest first.

Nodes are the bytes they are in a tree (see formats.encoded).
"""

from dataclasses import dataclass, field

from bkp.formats.encoded import join_tree, with_subtree
from bkp.formats.pack import BlobType
from bkp.ids import BlobId
from bkp.repo.writer import BlobWriter, Written


@dataclass(slots=True)
class _Level:
    name: bytes
    head: bytes | None  # of the directory's node; None for the root, which has none
    nodes: dict[bytes, bytes] = field(default_factory=dict)


class TreeFold:
    """Builds the trees of a snapshot from a walk; every `enter` needs its `leave`.

    A tree is stored when all that is in it is: memory holds the nodes of each
    directory on the path the walk is on.
    """

    def __init__(self, writer: BlobWriter) -> None:
        self._writer = writer
        self._levels = [_Level(b"", None)]

    def add(self, name: bytes, node: bytes) -> None:
        """Take an entry of the current directory; ValueError if it has one of that name."""
        nodes = self._levels[-1].nodes
        if name in nodes:
            raise ValueError(f"a directory with two entries {name!r}")
        nodes[name] = node

    def enter(self, name: bytes, head: bytes) -> None:
        """Begin a directory."""
        self._levels.append(_Level(name, head))

    def leave(self) -> tuple[bytes, Written]:
        """End the current directory: store its tree and return its node."""
        level = self._levels.pop()
        if level.head is None:
            raise ValueError("left more directories than were entered")
        written = self._store(level)
        node = with_subtree(level.head, written.id)
        self.add(level.name, node)
        return node, written

    def finish(self) -> tuple[BlobId, Written] | None:
        """Store the root tree and return it, or None if nothing is in it."""
        (level,) = self._levels
        if not level.nodes:
            return None
        written = self._store(level)
        return written.id, written

    def _store(self, level: _Level) -> Written:
        tree = join_tree(level.nodes[name] for name in sorted(level.nodes))
        return self._writer.write(BlobType.TREE, tree)
