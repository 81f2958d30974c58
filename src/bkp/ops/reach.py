"""What can be reached from the trees of snapshots: every tree is read once, whoever names it."""

from collections.abc import Callable, Iterable
from threading import Lock

from bkp.errors import IntegrityError
from bkp.events import Checked, Reporter
from bkp.formats.encoded import plain_needs
from bkp.formats.pack import BlobType
from bkp.formats.tree import decode_tree
from bkp.ids import BlobId
from bkp.repo.blobset import BlobSet
from bkp.repo.repository import Repository

_BATCH = 1024  # trees whose places are looked up together

Take = Callable[[BlobType, list[BlobId]], None]


def _leave(_kind: BlobType, _names: list[BlobId]) -> None:
    pass


def used_blobs(repo: Repository, roots: Iterable[BlobId], report: Reporter) -> BlobSet:
    """Return everything that can be reached from these trees; raises as `reach` does."""
    used = BlobSet()
    reach(repo, roots, used, report)
    return used


def reach(
    repo: Repository,
    roots: Iterable[BlobId],
    met: BlobSet,
    report: Reporter,
    take: Take = _leave,
) -> None:
    """Add everything that can be reached from these trees to `met`, and `take` what is new there.

    What was met before is not looked into again.  Raises IntegrityError if a
    tree cannot be read: nobody knows then what is needed below it.
    """
    lock = Lock()
    waiting: list[BlobId] = []

    def meet(kind: BlobType, names: bytes) -> None:
        new = met.add(kind, names)
        take(kind, new)
        if kind is BlobType.TREE:
            waiting.extend(new)

    def consume(_: list[BlobId], data: memoryview, pieces: list[tuple[int, int]]) -> None:
        for offset, length in pieces:
            blobs, subtrees = needs_of(data[offset : offset + length])
            with lock:
                meet(BlobType.DATA, blobs)
                meet(BlobType.TREE, subtrees)

    meet(BlobType.TREE, b"".join(roots))
    done = 0
    while waiting:
        batch, waiting[-_BATCH:] = waiting[-_BATCH:], []
        for error in repo.read_trees(batch, consume).values():
            raise error
        done += len(batch)
        report(Checked("trees", done, done + len(waiting)))


def needs_of(tree: memoryview) -> tuple[bytes, bytes]:
    """Return the blobs and the subtrees that a tree names, concatenated.

    Raises IntegrityError if it is no tree.
    """
    needs = plain_needs(tree)
    if needs is not None:
        return needs
    blobs: list[str] = []
    subtrees: list[str] = []
    for node in decode_tree(bytes(tree)):
        blobs += node.content or ()
        if node.type == "dir" and node.subtree:
            subtrees.append(node.subtree)
    try:
        return bytes.fromhex("".join(blobs)), bytes.fromhex("".join(subtrees))
    except ValueError as error:
        raise IntegrityError(f"a tree names what cannot be a blob: {error}") from error
