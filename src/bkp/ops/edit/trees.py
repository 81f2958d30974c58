"""Make new trees of old ones by a rule, whatever the rule is.

What the rule leaves as it is stays so to the byte: a tree of which nothing is
changed keeps its name, and an entry keeps what others wrote into it.  Any depth
is walked without recursion, and a directory that several snapshots have at the
same place is looked at once.
"""

from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from typing import NamedTuple, Protocol

from bkp.errors import IntegrityError
from bkp.formats.encoded import encode_node, join_tree, replace_subtree, split_tree
from bkp.formats.pack import BlobType
from bkp.formats.tree import Node, decode_tree
from bkp.ids import BlobId
from bkp.ops.walktree import join, subtree_of
from bkp.repo.repository import Repository

Store = Callable[[bytes], BlobId]
"""Takes the bytes of a tree and returns its name."""


class Rule(Protocol):
    """What becomes of trees."""

    def edit(self, directory: bytes, nodes: list[Node]) -> list[Node | None]:
        """Return for each entry of a directory what it becomes: itself, another, or nothing."""

    def empties(self, directory: bytes, tree: BlobId | None, error: IntegrityError) -> bool:
        """Say whether a directory that cannot be read is to be an empty one, or to go; or raise.

        Its tree is None if it names none.
        """

    def keeps_empty(self, directory: bytes) -> bool:
        """Say whether a directory stays when nothing is left in it."""


class Edited(NamedTuple):
    """What became of a tree; None if nothing.  `size` is the bytes in its files."""

    tree: BlobId | None
    files: int
    size: int


class _Nodes(NamedTuple):
    """The entries of a directory, as they are stored and as they are."""

    stored: list[bytes]
    decoded: list[Node]


class _Level:
    """A directory on the way to where the walk is."""

    def __init__(self, tree: BlobId, path: bytes, nodes: _Nodes, rule: Rule) -> None:
        self.tree = tree
        self.path = path
        edited = rule.edit(path, nodes.decoded)
        self.entries = zip(nodes.stored, nodes.decoded, edited, strict=True)
        self.kept: list[bytes] = []
        self.is_changed = False
        self.is_dropped = False
        self.files = 0
        self.size = 0
        self.entered = (b"", b"")  # the directory below: as it is stored now, and its old tree

    def keep(self, raw: bytes, before: Node, after: Node) -> None:
        """Take over an entry that is no directory."""
        if after is not before:
            raw = encode_node(after)
            self.is_changed = True
        self.kept.append(raw)
        if after.type == "file":
            self.files += 1
            self.size += after.size

    def take(self, edited: Edited) -> None:
        """Take over the directory that was entered."""
        raw, tree = self.entered
        if edited.tree is None:
            self.is_changed = True
            return
        if edited.tree != tree:
            raw = replace_subtree(raw, edited.tree)
            self.is_changed = True
        self.kept.append(raw)
        self.files += edited.files
        self.size += edited.size


class TreeEditor:
    """Edits trees of one repository by one rule, one snapshot after the other."""

    def __init__(self, repo: Repository, rule: Rule) -> None:
        self._repo = repo
        self._rule = rule
        self._done: dict[bytes, Edited] = {}

    def edit(self, root: BlobId, store: Store) -> Edited:
        """Return what becomes of the tree of a snapshot; new trees go to `store`.

        They must be durable before another snapshot is edited, which may have
        them too.  Raises IntegrityError for a tree that cannot be read, if the
        rule says so.
        """
        if (known := self._done.get(_key(b"/", root))) is not None:
            return known
        levels = [self._open(root, b"/")]
        while True:
            below = self._advance(levels[-1])
            if below is not None:
                levels.append(below)
                continue
            edited = self._close(levels.pop(), store)
            if not levels:
                return edited
            levels[-1].take(edited)

    def _advance(self, level: _Level) -> _Level | None:
        """Take over entries up to the next directory that has to be entered, and enter it."""
        for raw, before, after in level.entries:
            if after is None:
                level.is_changed = True
            elif after.type != "dir":
                level.keep(raw, before, after)
            else:
                below = self._enter(level, raw if after is before else encode_node(after), after)
                level.is_changed |= after is not before
                if below is not None:
                    return below
        return None

    def _enter(self, level: _Level, raw: bytes, node: Node) -> _Level | None:
        path = join(level.path, node.name)
        try:
            tree = subtree_of(node)
        except IntegrityError as error:
            level.entered = (raw, b"")
            return self._emptied(None, path, error)
        level.entered = (raw, tree)
        if (known := self._done.get(_key(path, tree))) is not None:
            level.take(known)
            return None
        return self._open(tree, path)

    def _open(self, tree: BlobId, path: bytes) -> _Level:
        try:
            nodes = self._read(tree)
        except IntegrityError as error:
            return self._emptied(tree, path, error)
        return _Level(tree, path, nodes, self._rule)

    def _read(self, tree: BlobId) -> _Nodes:
        """Read once more what looks damaged: a bit may flip on the way too."""
        with suppress(IntegrityError):
            return self._read_once(tree)
        return self._read_once(tree)

    def _read_once(self, tree: BlobId) -> _Nodes:
        data = self._repo.read_blob(BlobType.TREE, tree)
        return _Nodes(split_tree(data), decode_tree(data))

    def _emptied(self, tree: BlobId | None, path: bytes, error: IntegrityError) -> _Level:
        stays = self._rule.empties(path, tree, error)
        level = _Level(tree or BlobId(b""), path, _Nodes([], []), self._rule)
        level.is_changed = True
        level.is_dropped = not stays
        return level

    def _close(self, level: _Level, store: Store) -> Edited:
        new: BlobId | None = level.tree
        if level.is_dropped or not (level.kept or self._rule.keeps_empty(level.path)):
            new = None
        elif level.is_changed:
            new = store(join_tree(level.kept))
        edited = Edited(new, level.files, level.size)
        self._done[_key(level.path, level.tree)] = edited
        return edited


def _key(path: bytes, tree: BlobId) -> bytes:
    return blake2b(tree + path, digest_size=16).digest()
