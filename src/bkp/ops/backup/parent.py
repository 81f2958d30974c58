"""The snapshot before this one, and which files are unchanged since.

An unchanged file is not read: its chunks are taken over from the parent.
That is decided as restic decides it, from type, size, mtime, ctime and inode,
and only if the index still knows every chunk: a file whose chunks were lost
is read again, which heals the repository.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from bkp.errors import IntegrityError, Malformed
from bkp.events import Notice, Reporter
from bkp.files.reading.walk import Entry
from bkp.formats.pack import BlobType
from bkp.formats.snapshot import Snapshot
from bkp.formats.tree import Node
from bkp.ids import BlobId
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot


def find_parent(
    repo: Repository, host: str, paths: Sequence[str], time_ns: int
) -> SavedSnapshot | None:
    """Return the newest snapshot of a host, not after `time_ns`, that has all the paths.

    It may have more: a part of what was saved before is still a parent.
    """

    def fits(snapshot: Snapshot) -> bool:
        return (
            snapshot.hostname == host
            and set(paths) <= set(snapshot.paths)
            and snapshot.time_ns <= time_ns
        )

    fitting = [saved for saved in repo.snapshots.load_all() if fits(saved.snapshot)]
    return fitting[-1] if fitting else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRules:
    """Which differences make a file count as changed; mtime and size always do."""

    ignore_inode: bool = False  # for file systems whose inode numbers do not last; also ctime
    ignore_ctime: bool = False

    def take_for_same(self, node: Node, stat: os.stat_result) -> bool:
        """Say whether a file is so like what was stored that it need not be read."""
        try:
            return (
                node.size == stat.st_size
                and node.mtime_ns == stat.st_mtime_ns
                and (self.ignore_inode or node.inode == stat.st_ino)
                and (self.ignore_ctime or self.ignore_inode or node.ctime_ns == stat.st_ctime_ns)
            )
        except Malformed:  # rustic leaves out times it does not know
            return False


class ParentTree:
    """A walk through a parent's trees in step with a walk of the file system."""

    def __init__(
        self, repo: Repository, root: BlobId | None, rules: ChangeRules, report: Reporter
    ) -> None:
        self._repo = repo
        self._rules = rules
        self._report = report
        self._levels = [self._load(root.hex() if root else "")]

    def node(self, name: bytes) -> Node | None:
        """Return the parent's node of that name in the directory the walk is in."""
        return self._levels[-1].get(name)

    def enter(self, name: bytes) -> Node | None:
        """Follow the walk into a directory; return the parent's node of it."""
        node = self.node(name)
        subtree = node.subtree if node is not None and node.type == "dir" else ""
        self._levels.append(self._load(subtree))
        return node

    def leave(self) -> None:
        """Follow the walk out of the directory it is in."""
        self._levels.pop()

    def unchanged(self, entry: Entry) -> Node | None:
        """Return the parent's node of a file whose contents need not be read, or None."""
        node = self.node(entry.name)
        if node is None or node.type != "file" or node.content is None:
            return None
        is_same = self._rules.take_for_same(node, entry.stat)
        return node if is_same and self._is_stored(node.content) else None

    def _is_stored(self, content: list[str]) -> bool:
        index = self._repo.index
        return all(index.has(BlobType.DATA, BlobId(bytes.fromhex(name))) for name in content)

    def _load(self, subtree: str) -> dict[bytes, Node]:
        if not subtree:
            return {}
        name = BlobId(bytes.fromhex(subtree))
        try:
            nodes = self._repo.load_tree(name)
        except IntegrityError as error:
            # Reading anew what is below, and this tree if it is the same again, heals it.
            self._repo.index.distrust(BlobType.TREE, name)
            self._report(Notice(f"the parent snapshot is damaged, reading files anew: {error}"))
            return {}
        return {node.name: node for node in nodes}
