"""Which entries of a stored tree are to be restored, in which order, under which names.

Trees are not trusted to be sane: a name that is no plain name, or comes
twice, is reported and left out, and so is a tree that cannot be read.  Any
depth is walked without recursion.  Touches neither target nor contents.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from bkp.errors import IntegrityError
from bkp.files.writing.place import is_name
from bkp.files.writing.target import Directory, Presence
from bkp.formats.tree import Node
from bkp.ids import BlobId, parse_id
from bkp.ops.selection import Selection

from .ahead import TreesAhead, TreeSource

_DEEPEST_AHEAD = 32  # directories on the way from the root that may have trees read ahead


class Enter(NamedTuple):
    """A directory is to be made; what is in it follows."""

    directory: Directory
    node: Node


class Entry(NamedTuple):
    """An entry that is no directory is to be made."""

    directory: Directory
    name: bytes
    node: Node


class Leave(NamedTuple):
    """A directory has got all its entries.

    `node` is None for the target itself.  `expected` is every name the
    snapshot has there, None if that is not known for certain.
    """

    directory: Directory
    node: Node | None
    expected: set[bytes] | None


Step = Enter | Entry | Leave
TellProblem = Callable[[bytes, str], None]  # path, message


class Walk:
    """One walk through a tree; see the module."""

    def __init__(self, source: TreeSource, selection: Selection, problem: TellProblem) -> None:
        self._source = source
        self._selection = selection
        self._problem = problem

    def steps(self, tree: BlobId, root: Directory) -> Iterator[Step]:
        """Yield what is to be done, children before their directory is left.

        A directory that is not selected is entered when something below it
        is.  One that is marked as blocked when it is entered is not looked
        into.
        """
        stack = [_Frame(root, None)]
        self._load(stack[0], tree, TreesAhead(self._source), ())
        covers_all = self._selection.is_everything
        while stack:
            frame = stack[-1]
            named = None if frame.is_blocked else next(frame.nodes, None)
            if named is None:
                stack.pop()
                if frame.is_entered and not frame.is_blocked:
                    yield Leave(
                        frame.directory, frame.node, frame.names if frame.is_complete else None
                    )
                continue
            name, node = named
            is_covered = covers_all or self._selection.covers(frame.directory.path(name))
            if node.type == "dir":
                child = _Frame(Directory(frame.directory, name), node)
                if is_covered or self._may_cover_below(child.directory):
                    stack.append(child)
                    if is_covered:
                        yield from _enter(stack)
                    if not child.is_blocked:
                        self._load_subtree(stack, node)
            elif is_covered:
                if not frame.is_entered:
                    yield from _enter(stack)
                if not frame.is_blocked:
                    yield Entry(frame.directory, name, node)

    def _may_cover_below(self, directory: Directory) -> bool:
        return self._selection.may_cover_below(directory.path())

    def _load_subtree(self, stack: "list[_Frame]", node: Node) -> None:
        above, frame = stack[-2:]
        try:
            tree = BlobId(parse_id(node.subtree))
        except ValueError:
            frame.is_complete = False
            self._problem(frame.directory.path(), "the snapshot names no tree for this directory")
            return
        if above.ahead is None:
            above.ahead = TreesAhead(self._source)
        # With patterns, few of those that follow may be asked for.
        follow = self._selection.is_everything and len(stack) <= _DEEPEST_AHEAD
        self._load(frame, tree, above.ahead, above.following() if follow else ())

    def _load(
        self, frame: "_Frame", tree: BlobId, ahead: TreesAhead, following: Iterable[Node]
    ) -> None:
        try:
            nodes = ahead.load(tree, following)
        except IntegrityError as error:
            frame.is_complete = False
            self._problem(frame.directory.path(), f"its entries are lost: {error}")
            return
        frame.all_nodes = nodes
        frame.nodes = self._named(frame, nodes)

    def _named(self, frame: "_Frame", nodes: list[Node]) -> Iterator[tuple[bytes, Node]]:
        for frame.position, node in enumerate(nodes, 1):
            name = node.name
            if not is_name(name):
                frame.is_complete = False
                self._problem(
                    frame.directory.path(), f"left out an entry with the impossible name {name!r}"
                )
            elif name in frame.names:
                self._problem(
                    frame.directory.path(name), "left out a second entry of the same name"
                )
            else:
                frame.names.add(name)
                yield name, node


class _Frame:
    """A directory on the way from the root to where the walk is."""

    __slots__ = (
        "ahead",
        "all_nodes",
        "directory",
        "is_complete",
        "is_entered",
        "names",
        "node",
        "nodes",
        "position",
    )

    def __init__(self, directory: Directory, node: Node | None) -> None:
        self.directory = directory
        self.node = node
        self.all_nodes: list[Node] = []
        self.nodes: Iterator[tuple[bytes, Node]] = iter(())
        self.position = 0  # of what follows the node the walk is at
        self.ahead: TreesAhead | None = None
        self.names: set[bytes] = set()
        self.is_complete = True
        self.is_entered = False

    @property
    def is_blocked(self) -> bool:
        return self.directory.presence is Presence.BLOCKED

    def following(self) -> Iterator[Node]:
        return islice(self.all_nodes, self.position, None)


def _enter(stack: list[_Frame]) -> Iterator[Enter]:
    """Enter the directories of the stack that are not entered yet, the outermost first."""
    first = len(stack)
    while first and not stack[first - 1].is_entered:
        first -= 1
    for frame in stack[first:]:
        frame.is_entered = True
        parent = frame.directory.parent
        if parent is not None and parent.presence is Presence.BLOCKED:
            frame.directory.presence = Presence.BLOCKED
        elif frame.node is not None:
            yield Enter(frame.directory, frame.node)
