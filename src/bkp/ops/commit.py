"""Store a snapshot so that it is whole for everybody, even if a prune overtook it.

A prune beside us may mark packs that we found in the index and rely on.  Nobody
deletes these while we are here, bkp reads them, and the next prune takes them
back.  But restic knows no marks, and would find the snapshot damaged until then.
So whoever stores a snapshot looks at what was marked meanwhile, and puts what it
needs of that back into the index.
"""

from collections.abc import Collection

from bkp.errors import IntegrityError, Locked, StoreError
from bkp.events import Problem, ignore
from bkp.formats.pack import BlobType
from bkp.formats.snapshot import Snapshot
from bkp.ids import BlobId, PackId
from bkp.repo.blobset import BlobSet
from bkp.repo.index_rewriting import IndexRewriter
from bkp.repo.locking import Lock
from bkp.repo.marks import unmarked_for
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot

from .reach import reach


def commit(
    repo: Repository,
    lock: Lock,
    snapshot: Snapshot,
    *,
    of: SavedSnapshot | None = None,
    harmless: Collection[PackId] | None = None,
) -> SavedSnapshot:
    """Store a snapshot; one that turns out to be damaged is reported as a Problem.

    All that it refers to must be stored: in packs of the index as it was loaded,
    or in what is referred to by another snapshot that it is made `of`.  Whoever
    has loaded the index again since it was asked about some of that says which
    marks are `harmless` to what he was told: those of `harmless_marks` each time.
    """
    lock.confirm()
    if harmless is None:
        harmless = harmless_marks(repo)
    saved = repo.snapshots.save(snapshot)
    # The snapshot is there, so nothing that is found out now may make it look as if it were not.
    try:
        if of is not None and not repo.snapshots.has(of.id):
            keep_indexed(repo, lock, snapshot.tree, ())
        elif of is None or of.snapshot.tree != snapshot.tree:
            keep_indexed(repo, lock, snapshot.tree, harmless)
        # Else every prune has seen one of the two, and they need the same.
    except IntegrityError as error:
        repo.report(_problem(saved, f"cannot be read in full: {error}"))
    except (StoreError, Locked) as error:
        repo.report(_problem(saved, f"was not held against the index: {error}"))
    return saved


def _problem(saved: SavedSnapshot, what: str) -> Problem:
    message = f"it was stored, but {what}; `bkp check` tells more"
    return Problem("snapshots", f"snapshots/{saved.id.hex()}".encode(), message)


def harmless_marks(repo: Repository) -> frozenset[PackId]:
    """Return the marked packs on which nobody relies who goes by the index as it is loaded.

    While a prune is at it, packs are marked and in the index too.
    """
    marks = repo.marks()
    return frozenset(marks).difference(repo.index.packs()) if marks else frozenset()


def keep_indexed(repo: Repository, lock: Lock, tree: BlobId, harmless: Collection[PackId]) -> None:
    """Put back into the index what is marked there and needed by a tree.

    Loads what came to the index; marks that are all `harmless` are not looked into.
    """
    harmless = set(harmless)
    repo.load_index()
    if repo.marks().keys() <= harmless:
        return
    lacking: list[tuple[BlobType, BlobId]] = []

    def take(kind: BlobType, names: list[BlobId]) -> None:
        there = repo.index.has_each(kind, b"".join(names))
        pairs = zip(names, there, strict=True)
        lacking.extend((kind, name) for name, is_there in pairs if not is_there)

    reach(repo, [tree], BlobSet(), ignore, take)
    IndexRewriter(repo, lock.ensure).add(unmarked_for(repo.marks(), repo.marked, lacking))
