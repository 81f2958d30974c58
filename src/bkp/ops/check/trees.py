"""Walk every tree of the repository once, and see that all it names is there."""

import threading
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator

from bkp.errors import IntegrityError
from bkp.events import Checked, Reporter
from bkp.files.writing.apply import modified
from bkp.files.writing.place import is_name
from bkp.formats.encoded import plain_needs
from bkp.formats.pack import BlobType
from bkp.formats.tree import Node, decode_tree
from bkp.ids import ID_SIZE, BlobId, PackId
from bkp.repo.repository import Repository

from .faults import BlobKey, FaultKind, Ledger

_BATCH = 1024  # trees whose places are looked up together

_TYPES = frozenset({"file", "dir", "symlink", "dev", "chardev", "fifo", "socket"})


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
        self._waiting: list[BlobId] = []
        self._lock = threading.Lock()
        self.count = 0
        self.needed_packs: defaultdict[PackId, list[BlobKey]] = defaultdict(list)

    def run(self, roots: Iterable[BlobId]) -> None:
        """Check all trees that can be reached."""
        self._waiting = [root for root in dict.fromkeys(roots) if self._is_new(root)]
        while self._waiting:
            batch, self._waiting = self._waiting[-_BATCH:], self._waiting[:-_BATCH]
            for tree, error in self._repo.read_trees(batch, self._consume).items():
                self._note_lost(tree, str(error))
                for place in self._repo.index.places(BlobType.TREE, tree):
                    self._ledger.note_broken(place.pack)
            self.count += len(batch)
            self._report(Checked("trees", self.count, self.count + len(self._waiting)))

    def _is_new(self, tree: BlobId) -> bool:
        if tree in self._seen:
            return False
        self._seen.add(tree)
        return True

    def _consume(
        self, names: list[BlobId], data: memoryview, pieces: list[tuple[int, int]]
    ) -> None:
        with self._lock:
            for tree, (offset, length) in zip(names, pieces, strict=True):
                self._check(tree, data[offset : offset + length])

    def _check(self, tree: BlobId, data: memoryview) -> None:
        """Check a tree, and note the new trees below it."""
        needs = plain_needs(data)
        if needs is None:
            try:
                needs = self._look_closely(tree, decode_tree(bytes(data)))
            except IntegrityError as error:
                self._note_lost(tree, f"tree {tree.hex()}: {error}")
                return
        self._note_need((BlobType.TREE, tree))
        blobs, subtrees = needs
        self._check_data(blobs)
        for at in range(0, len(subtrees), ID_SIZE):
            subtree = BlobId(subtrees[at : at + ID_SIZE])
            if self._is_new(subtree):
                self._waiting.append(subtree)

    def _note_lost(self, tree: BlobId, reason: str) -> None:
        key = (BlobType.TREE, tree)
        self._note_need(key)
        if key not in self._ledger.lost:
            where = f"tree {tree.hex()}"
            self._ledger.lose(key, self._ledger.add(FaultKind.TREE, where, reason))

    def _look_closely(self, tree: BlobId, nodes: list[Node]) -> tuple[bytes, bytes]:
        """Note the flaws of a tree; return the blobs and subtrees that it names."""
        names: set[bytes] = set()
        blobs: list[str] = []
        subtrees: list[str] = []
        for node in nodes:
            for message in _flaws(node, names):
                self._note_flaw(tree, node, message)
            names.add(node.name)
            blobs += node.content or ()
            if node.type == "dir" and node.subtree:
                subtrees.append(node.subtree)
        return bytes.fromhex("".join(blobs)), bytes.fromhex("".join(subtrees))

    def _check_data(self, blobs: bytes) -> None:
        """See that blobs, given by their concatenated names, are there."""
        known = self._repo.index.has_each(BlobType.DATA, blobs)
        if self._unindexed or 0 in known:
            for at, is_known in enumerate(known):
                self._check_blob(BlobId(blobs[at * ID_SIZE : (at + 1) * ID_SIZE]), is_known)

    def _check_blob(self, blob: BlobId, is_known: int) -> None:
        key = (BlobType.DATA, blob)
        self._note_need(key)
        if not is_known and key not in self._ledger.lost:
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
