"""Walk every tree of the repository once, and see that all it names is there."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from bkp.errors import IntegrityError, StoreError
from bkp.events import Checked, Reporter
from bkp.files.writing.apply import modified
from bkp.files.writing.place import is_name
from bkp.formats.pack import BlobType
from bkp.formats.tree import Node
from bkp.ids import BlobId, PackId
from bkp.ops.walktree import blobs_of
from bkp.repo.repository import Repository
from bkp.workers import ordered_map

from .faults import BlobKey, FaultKind, Ledger

_THREADS = 4
_BATCH = 256

_TYPES = frozenset({"file", "dir", "symlink", "dev", "chardev", "fifo", "socket"})


@dataclass(frozen=True, slots=True)
class _Loaded:
    tree: BlobId
    nodes: list[Node]
    error: str = ""


class TreeCheck:
    """Checks trees; `unindexed` are blobs that are there, though no index names their pack."""

    def __init__(
        self, repo: Repository, unindexed: dict[BlobKey, PackId], ledger: Ledger, report: Reporter
    ) -> None:
        self._repo = repo
        self._unindexed = unindexed
        self._ledger = ledger
        self._report = report
        self._seen: set[BlobId] = set()
        self.count = 0
        self.needed_packs: defaultdict[PackId, list[BlobKey]] = defaultdict(list)

    def run(self, roots: Iterable[BlobId]) -> None:
        """Check all trees that can be reached."""
        waiting = [root for root in dict.fromkeys(roots) if self._is_new(root)]
        while waiting:
            batch, waiting = waiting[-_BATCH:], waiting[:-_BATCH]
            for loaded in ordered_map(self._load, batch, threads=_THREADS, ahead=2 * _THREADS):
                waiting += self._check(loaded)
            self.count += len(batch)
            self._report(Checked("trees", self.count, self.count + len(waiting)))

    def _is_new(self, tree: BlobId) -> bool:
        if tree in self._seen:
            return False
        self._seen.add(tree)
        return True

    def _load(self, tree: BlobId) -> _Loaded:
        try:
            return _Loaded(tree, self._repo.load_tree(tree))
        except (IntegrityError, StoreError) as error:
            return _Loaded(tree, [], str(error))

    def _check(self, loaded: _Loaded) -> list[BlobId]:
        """Check a tree and return the new trees below it."""
        key = (BlobType.TREE, loaded.tree)
        self._note_need(key)
        if loaded.error:
            if key not in self._ledger.lost:
                where = f"tree {loaded.tree.hex()}"
                self._ledger.lose(key, self._ledger.add(FaultKind.TREE, where, loaded.error))
            return []
        below = []
        names: set[bytes] = set()
        for node in loaded.nodes:
            for message in _flaws(node, names):
                self._note_flaw(loaded.tree, node, message)
            names.add(node.name)
            for blob in blobs_of(node):
                self._check_data(blob)
            if node.type == "dir" and node.subtree:
                subtree = BlobId(bytes.fromhex(node.subtree))
                if self._is_new(subtree):
                    below.append(subtree)
        return below

    def _check_data(self, blob: BlobId) -> None:
        key = (BlobType.DATA, blob)
        self._note_need(key)
        if key not in self._ledger.lost and not self._repo.index.has(*key):
            where = f"data blob {blob.hex()}"
            message = "it is in no index and no pack: its contents are lost"
            self._ledger.lose(key, self._ledger.add(FaultKind.BLOB, where, message))

    def _note_need(self, key: BlobKey) -> None:
        pack = self._unindexed.pop(key, None)
        if pack is not None:
            self.needed_packs[pack].append(key)

    def _note_flaw(self, tree: BlobId, node: Node, message: str) -> None:
        number = self._ledger.add(FaultKind.TREE, f"tree {tree.hex()}", message)
        self._ledger.flawed[tree].append((number, node.name))


def _flaws(node: Node, names: Container[bytes]) -> Iterator[str]:
    """Say what keeps an entry from being restored; `names` are those before it in its tree."""
    name = ascii(node.quoted_name)
    if not is_name(node.name):
        yield f"an entry has a name that no file can have: {name}"
    if node.name in names:
        yield f"there is another entry of the name {name}; only the first can be restored"
    if node.mtime and modified(node) is None:
        yield f"the time of {name} cannot be read"
    if node.type not in _TYPES:
        yield f"entry {name} is of a type that is not known: {node.type[:40]!a}"
    if node.type == "file" and node.content is None:
        yield f"file {name} has no list of contents"
    if node.type == "dir" and not node.subtree:
        yield f"directory {name} has no tree"
