"""From lost blobs to the snapshots and files they were part of.

Every tree is looked at once, whatever number of snapshots it is in: what is
known of a tree is how many of its entries each fault hits, and the paths of
the first few.  Memory grows with the damage, not with the repository.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bkp.errors import IntegrityError, StoreError
from bkp.formats.pack import BlobType
from bkp.formats.tree import Node
from bkp.ids import BlobId
from bkp.ops.walktree import blobs_of
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot

from .faults import Harm, HarmedSnapshot, Ledger

_SHOWN_PATHS = 5
_SHOWN_SNAPSHOTS = 5


@dataclass(slots=True)
class _Share:
    """What one fault does to a tree: entries hit, and paths of some relative to the tree."""

    entries: int = 0
    paths: list[bytes] = field(default_factory=list)

    def add(self, entries: int, paths: Iterable[bytes]) -> None:
        self.entries += entries
        for path in paths:
            if len(self.paths) >= _SHOWN_PATHS:
                break
            self.paths.append(path)


_Shares = Mapping[int, _Share]


@dataclass(slots=True)
class _Level:
    """A directory the walk is in."""

    tree: BlobId
    name: bytes
    nodes: Iterator[Node]
    shares: defaultdict[int, _Share] = field(default_factory=lambda: defaultdict(_Share))


def find_harm(repo: Repository, snapshots: Iterable[SavedSnapshot], ledger: Ledger) -> None:
    """Complete the faults in the ledger by the snapshots and files that suffer from them."""
    if not ledger.lost and not ledger.flawed:
        return
    finder = _Finder(repo, ledger)
    counts: defaultdict[int, int] = defaultdict(int)
    shown: defaultdict[int, list[HarmedSnapshot]] = defaultdict(list)
    newest_first = sorted(snapshots, key=lambda saved: saved.snapshot.time_ns, reverse=True)
    for saved in newest_first:
        for number, share in finder.shares(saved.snapshot.tree).items():
            counts[number] += 1
            if len(shown[number]) < _SHOWN_SNAPSHOTS:
                paths = tuple(b"/" + path for path in share.paths)
                shown[number].append(
                    HarmedSnapshot(saved.id, saved.snapshot.time, share.entries, paths)
                )
    for number, count in counts.items():
        ledger.set_harm(number, Harm(count, tuple(shown[number])))


class _Finder:
    """Knows of every tree it has seen what each fault does to it."""

    def __init__(self, repo: Repository, ledger: Ledger) -> None:
        self._repo = repo
        self._ledger = ledger
        self._sound: set[BlobId] = set()
        self._harmed: dict[BlobId, _Shares] = {}

    def shares(self, root: BlobId) -> _Shares:
        """Return what each fault does to a tree."""
        levels: list[_Level] = []
        known = self._known(root)
        if known is not None:
            return known
        levels.append(self._open(root, b""))
        while True:
            level = levels[-1]
            if self._advance(levels, level):
                continue
            levels.pop()
            shares = self._remember(level)
            if not levels:
                return shares
            _merge(levels[-1], level.name, shares)

    def _advance(self, levels: list[_Level], level: _Level) -> bool:
        """Look at the next node of a directory; False if there is none."""
        node = next(level.nodes, None)
        if node is None:
            return False
        if node.type == "dir" and node.subtree:
            tree = BlobId(bytes.fromhex(node.subtree))
            known = self._known(tree)
            if known is None:
                levels.append(self._open(tree, node.name))
            else:
                _merge(level, node.name, known)
        elif node.content:
            keys = ((BlobType.DATA, blob) for blob in blobs_of(node))
            lost = self._ledger.lost
            for number in {lost[key] for key in keys if key in lost}:
                level.shares[number].add(1, [node.name])
        return True

    def _known(self, tree: BlobId) -> _Shares | None:
        if tree in self._sound:
            return {}
        if (shares := self._harmed.get(tree)) is not None:
            return shares
        number = self._ledger.lost.get((BlobType.TREE, tree))
        return None if number is None else {number: _Share(1, [b""])}

    def _open(self, tree: BlobId, name: bytes) -> _Level:
        try:
            level = _Level(tree, name, iter(self._repo.load_tree(tree)))
        except (IntegrityError, StoreError):
            return _Level(tree, name, iter(()))  # reported when the trees were checked
        for number, entry in self._ledger.flawed.get(tree, ()):
            level.shares[number].add(1, [entry])
        return level

    def _remember(self, level: _Level) -> _Shares:
        if level.shares:
            self._harmed[level.tree] = level.shares
        else:
            self._sound.add(level.tree)
        return level.shares


def _merge(level: _Level, name: bytes, shares: _Shares) -> None:
    for number, share in shares.items():
        paths = (name + b"/" + path if path else name for path in share.paths)
        level.shares[number].add(share.entries, paths)
