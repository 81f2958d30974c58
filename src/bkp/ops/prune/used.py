"""Which blobs the snapshots need: every tree is read once, whoever names it."""

from collections.abc import Iterable
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


def used_blobs(repo: Repository, roots: Iterable[BlobId], report: Reporter) -> BlobSet:
    """Return everything that can be reached from these trees.

    Raises IntegrityError if a tree cannot be read: nobody knows then what is
    needed below it.
    """
    used = BlobSet()
    lock = Lock()
    waiting = used.add(BlobType.TREE, b"".join(roots))

    def take(_: list[BlobId], data: memoryview, pieces: list[tuple[int, int]]) -> None:
        for offset, length in pieces:
            blobs, subtrees = _needs(data[offset : offset + length])
            with lock:
                used.add(BlobType.DATA, blobs)
                waiting.extend(used.add(BlobType.TREE, subtrees))

    done = 0
    while waiting:
        batch, waiting[-_BATCH:] = waiting[-_BATCH:], []
        for error in repo.read_trees(batch, take).values():
            raise error
        done += len(batch)
        report(Checked("trees", done, done + len(waiting)))
    return used


def _needs(tree: memoryview) -> tuple[bytes, bytes]:
    """Return the blobs and the subtrees that a tree names, concatenated."""
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
