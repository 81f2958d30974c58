"""Nodes in path order to trees, deepest first."""

from dataclasses import dataclass, field

from bkp.formats.pack import BlobType
from bkp.formats.tree import Node, encode_tree
from bkp.ids import BlobId
from bkp.repo.writer import BlobWriter, Written


@dataclass(slots=True)
class _Level:
    directory: Node | None  # None for the root, which has no node
    nodes: list[Node] = field(default_factory=list)


class TreeFold:
    """Builds the trees of a snapshot from a walk; every `enter` needs its `leave`.

    A tree is stored when all that is in it is: memory holds one list of nodes
    for each directory on the path the walk is on.
    """

    def __init__(self, writer: BlobWriter) -> None:
        self._writer = writer
        self._levels = [_Level(None)]

    def add(self, node: Node) -> None:
        """Take an entry of the current directory."""
        self._levels[-1].nodes.append(node)

    def enter(self, directory: Node) -> None:
        """Begin a directory."""
        self._levels.append(_Level(directory))

    def leave(self) -> tuple[Node, Written]:
        """End the current directory: store its tree and return its node."""
        level = self._levels.pop()
        if level.directory is None:
            raise ValueError("left more directories than were entered")
        written = self._store(level)
        level.directory.subtree = written.id.hex()
        self.add(level.directory)
        return level.directory, written

    def finish(self) -> tuple[BlobId, Written] | None:
        """Store the root tree and return it, or None if nothing is in it."""
        (level,) = self._levels
        if not level.nodes:
            return None
        written = self._store(level)
        return written.id, written

    def _store(self, level: _Level) -> Written:
        level.nodes.sort(key=lambda node: node.name)
        return self._writer.write(BlobType.TREE, encode_tree(level.nodes))
