"""Which entries of a stored tree are to be restored, in which order, under which names.

Trees are not trusted to be sane: a name that is no plain name, or comes
twice, is reported and left out, and so is a tree that cannot be read.  Any
depth is walked without recursion.  Touches neither target nor contents.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bkp.errors import IntegrityError
from bkp.files.writing.place import is_name
from bkp.files.writing.target import Directory, Presence
from bkp.formats.tree import Node
from bkp.ids import BlobId, parse_id


class Patterns(Protocol):
    """A list of patterns over paths that begin with a slash."""

    def matches(self, path: bytes) -> bool:
        """Say whether a path is one of those meant, or below one."""

    def may_match_below(self, path: bytes) -> bool:
        """Say whether something below a directory may be one of those meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The entries to restore: all, or what `include` matches, but not what `exclude` does."""

    include: Patterns | None = None
    exclude: Patterns | None = None

    def covers(self, path: bytes) -> bool:
        """Say whether the entry at `path` is to be restored."""
        return not self._is_excluded(path) and (self.include is None or self.include.matches(path))

    def may_cover_below(self, path: bytes) -> bool:
        """Say whether an entry below the directory at `path` may be."""
        return not self._is_excluded(path) and (
            self.include is None or self.include.matches(path) or self.include.may_match_below(path)
        )

    @property
    def is_everything(self) -> bool:
        """Whether no entry is left out."""
        return self.include is None and self.exclude is None

    def _is_excluded(self, path: bytes) -> bool:
        return self.exclude is not None and self.exclude.matches(path)


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Exactly:
    """The pattern that means one path and what is below it."""

    path: bytes

    def matches(self, path: bytes) -> bool:
        """Say whether a path is that, or below it."""
        return path == self.path or path.startswith(self.path + b"/")

    def may_match_below(self, path: bytes) -> bool:
        """Say whether the path is below a directory."""
        return self.path.startswith(path.rstrip(b"/") + b"/")


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
LoadTree = Callable[[BlobId], list[Node]]
TellProblem = Callable[[bytes, str], None]  # path, message


class Walk:
    """One walk through a tree; see the module."""

    def __init__(self, load_tree: LoadTree, selection: Selection, problem: TellProblem) -> None:
        self._load_tree = load_tree
        self._selection = selection
        self._problem = problem

    def steps(self, tree: BlobId, root: Directory) -> Iterator[Step]:
        """Yield what is to be done, children before their directory is left.

        A directory that is not selected is entered when something below it
        is.  One that is marked as blocked when it is entered is not looked
        into.
        """
        stack = [_Frame(root, None)]
        self._load(stack[0], tree)
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
            is_covered = self._covers(frame.directory, name)
            if node.type == "dir":
                child = _Frame(Directory(frame.directory, name), node)
                if is_covered or self._may_cover_below(child.directory):
                    stack.append(child)
                    if is_covered:
                        yield from _enter(stack)
                    if not child.is_blocked:
                        self._load_subtree(child, node)
            elif is_covered:
                yield from _enter(stack)
                if not frame.is_blocked:
                    yield Entry(frame.directory, name, node)

    def _covers(self, directory: Directory, name: bytes) -> bool:
        return self._selection.is_everything or self._selection.covers(directory.path(name))

    def _may_cover_below(self, directory: Directory) -> bool:
        return self._selection.may_cover_below(directory.path())

    def _load_subtree(self, frame: "_Frame", node: Node) -> None:
        try:
            tree = BlobId(parse_id(node.subtree))
        except ValueError:
            frame.is_complete = False
            self._problem(frame.directory.path(), "the snapshot names no tree for this directory")
            return
        self._load(frame, tree)

    def _load(self, frame: "_Frame", tree: BlobId) -> None:
        try:
            nodes = self._load_tree(tree)
        except IntegrityError as error:
            frame.is_complete = False
            self._problem(frame.directory.path(), f"its entries are lost: {error}")
            return
        frame.nodes = self._named(frame, nodes)

    def _named(self, frame: "_Frame", nodes: list[Node]) -> Iterator[tuple[bytes, Node]]:
        for node in nodes:
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

    __slots__ = ("directory", "is_complete", "is_entered", "names", "node", "nodes")

    def __init__(self, directory: Directory, node: Node | None) -> None:
        self.directory = directory
        self.node = node
        self.nodes: Iterator[tuple[bytes, Node]] = iter(())
        self.names: set[bytes] = set()
        self.is_complete = True
        self.is_entered = False

    @property
    def is_blocked(self) -> bool:
        return self.directory.presence is Presence.BLOCKED


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
