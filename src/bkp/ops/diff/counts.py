"""Count what two snapshots do not share, as restic does.

A blob counts as added if the later snapshot has it and the earlier one does
not, wherever; so the trees that both share are looked into in the end.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bkp.events import Reporter
from bkp.formats.pack import BlobType
from bkp.formats.tree import Node
from bkp.ids import BlobId
from bkp.ops.walktree import Found, blobs_of, walk
from bkp.repo.repository import Repository

from .differences import Difference

_Keys = set[tuple[BlobType, BlobId]]


@dataclass(frozen=True, slots=True)
class SideStats:
    """What only one of the two snapshots has; bytes are plaintext."""

    files: int
    dirs: int
    others: int
    data_blobs: int
    tree_blobs: int
    bytes: int


@dataclass(frozen=True, slots=True)
class DiffStats:
    """What a comparison found."""

    changed_files: int
    added: SideStats
    removed: SideStats


@dataclass(slots=True)
class Side:
    """Running counts of one side."""

    files: int = 0
    dirs: int = 0
    others: int = 0
    blobs: _Keys = field(default_factory=set)

    def take(self, node: Node) -> None:
        """Count an entry that only this side has."""
        if node.type == "file":
            self.files += 1
        elif node.type == "dir":
            self.dirs += 1
        else:
            self.others += 1
        self.take_blobs(node)

    def take_blobs(self, node: Node) -> None:
        """Note the blobs of an entry."""
        self.blobs.update(_blobs(node))

    def finish(self, repo: Repository, others: Iterable[tuple[BlobType, BlobId]]) -> SideStats:
        """Count the blobs that are not among `others`."""
        own = self.blobs.difference(others)
        trees = sum(kind is BlobType.TREE for kind, _ in own)
        sizes = (repo.plain_size(*key) or 0 for key in own)
        return SideStats(self.files, self.dirs, self.others, len(own) - trees, trees, sum(sizes))


@dataclass(slots=True)
class Tally:
    """Running counts of a comparison."""

    removed: Side = field(default_factory=Side)
    added: Side = field(default_factory=Side)
    changed_files: int = 0
    common: list[BlobId] = field(default_factory=list)  # trees both have

    def take_trees(self, before: BlobId, after: BlobId) -> None:
        """Note the trees that a comparison begins with."""
        self.removed.blobs.add((BlobType.TREE, before))
        self.added.blobs.add((BlobType.TREE, after))

    def take_common(self, tree: BlobId) -> None:
        """Note a tree that both sides have."""
        self.common.append(tree)

    def take_both(self, before: Node, after: Node) -> None:
        """Note an entry that both sides have."""
        self.removed.take_blobs(before)
        self.added.take_blobs(after)
        if before.type == after.type == "dir" and before.subtree == after.subtree:
            self.common.append(BlobId(bytes.fromhex(before.subtree)))

    def take_difference(self, difference: Difference) -> None:
        """Count an entry that both sides have, but not the same."""
        before = difference.before
        if "M" in difference.modifier and before is not None and before.type == "file":
            self.changed_files += 1

    def finish(self, repo: Repository, report: Reporter) -> DiffStats:
        """Count the blobs that the sides do not share."""
        shared = self.removed.blobs & self.added.blobs
        if self.removed.blobs - shared or self.added.blobs - shared:
            shared |= self._blobs_of_common(repo, report)
        return DiffStats(
            self.changed_files,
            self.added.finish(repo, shared),
            self.removed.finish(repo, shared),
        )

    def _blobs_of_common(self, repo: Repository, report: Reporter) -> _Keys:
        blobs: _Keys = set()

        def enters(found: Found) -> bool:
            key = (BlobType.TREE, BlobId(bytes.fromhex(found.node.subtree)))
            is_new = key not in blobs
            blobs.add(key)
            return is_new

        for tree in self.common:
            if (BlobType.TREE, tree) in blobs:
                continue
            blobs.add((BlobType.TREE, tree))
            for _, node in walk(repo, tree, report, enters=enters):
                blobs.update((BlobType.DATA, blob) for blob in blobs_of(node))
        return blobs


def _blobs(node: Node) -> _Keys:
    blobs = {(BlobType.DATA, blob) for blob in blobs_of(node)}
    if node.type == "dir" and node.subtree:
        blobs.add((BlobType.TREE, BlobId(bytes.fromhex(node.subtree))))
    return blobs
