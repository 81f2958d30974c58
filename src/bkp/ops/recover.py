"""Find trees that no snapshot leads to, and make a snapshot of them.

For the day on which snapshots were lost, but not what they held: every tree
that is in no other and in no snapshot was the root of one, or of one that was
never finished, and becomes a directory of the new snapshot.  What was marked to
be deleted by pruning meanwhile, and is still there, is found and kept too.
"""

import stat
from collections.abc import Iterator
from itertools import chain, islice
from threading import Lock as Mutex

from bkp.errors import IntegrityError
from bkp.events import Checked, Problem, Reporter
from bkp.formats.filemode import to_go
from bkp.formats.goquote import quote
from bkp.formats.pack import BlobType
from bkp.formats.tree import Node, encode_tree
from bkp.ids import BlobId
from bkp.ops.backup.labels import SnapshotLabels
from bkp.ops.commit import commit
from bkp.ops.reach import needs_of
from bkp.repo.blobset import BlobSet
from bkp.repo.locking import Lock
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.times import format_time

RECOVERED = "recovered"
"""The tag, and with a slash before it the path, of such snapshots; the tag is restic's."""

_BATCH = 1 << 16  # trees that are read in the order they lie in packs
_SHORT = 8  # digits of a name


def recover(
    repo: Repository, lock: Lock, labels: SnapshotLabels, report: Reporter
) -> SavedSnapshot | None:
    """Save a snapshot of all trees that are in no other; None if there are none.

    The index must be loaded, and nobody else at work: what a snapshot that is
    just being taken has stored would be found.
    """
    lock.confirm()
    roots = _unreferenced(repo, report)
    if not roots:
        return None
    with repo.blob_writer(lock) as writer:
        tree = writer.write(BlobType.TREE, encode_tree(_directories(roots, labels))).id
    snapshot = labels.describe([f"/{RECOVERED}"], None, tree, None)
    return commit(repo, lock, snapshot, harmless=())


def _unreferenced(repo: Repository, report: Reporter) -> list[BlobId]:
    met = BlobSet()
    met.add(BlobType.TREE, b"".join(_snapshot_trees(repo)))
    unreadable: dict[BlobId, IntegrityError] = {}
    mutex = Mutex()

    def take(names: list[BlobId], data: memoryview, pieces: list[tuple[int, int]]) -> None:
        for name, (offset, length) in zip(names, pieces, strict=True):
            with mutex:
                try:
                    met.add(BlobType.TREE, needs_of(data[offset : offset + length])[1])
                except IntegrityError as error:
                    unreadable[name] = error

    done = 0
    waiting = _trees(repo)
    while batch := list(islice(waiting, _BATCH)):
        unreadable |= repo.read_trees(batch, take)
        done += len(batch)
        report(Checked("trees", done, done))
    for tree, error in unreadable.items():
        report(Problem("recover", f"tree {tree.hex()}".encode(), str(error)))
    found = {tree for tree in _trees(repo) if not met.has_each(BlobType.TREE, tree)[0]}
    return sorted(found - unreadable.keys())


def _snapshot_trees(repo: Repository) -> Iterator[BlobId]:
    return (saved.snapshot.tree for saved in repo.snapshots.load_all())


def _trees(repo: Repository) -> Iterator[BlobId]:
    places = chain(repo.index.all_places(), repo.marked.all_places())
    return (place.blob.id for place in places if place.blob.type is BlobType.TREE)


def _directories(roots: list[BlobId], labels: SnapshotLabels) -> list[Node]:
    """Return a directory for each root, called by the beginning of its id."""
    short = {root: root.hex()[:_SHORT] for root in roots}
    if len(set(short.values())) < len(roots):
        short = {root: root.hex() for root in roots}
    time = format_time(labels.time_ns, labels.zone)
    return [
        Node(
            quoted_name=quote(name.encode()),
            type="dir",
            mode=to_go(stat.S_IFDIR | 0o755),
            mtime=time,
            atime=time,
            ctime=time,
            subtree=root.hex(),
        )
        for root, name in short.items()
    ]
