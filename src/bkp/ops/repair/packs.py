"""Save what is intact in damaged packs, and let these go.

What is intact is stored in new packs first; then the damaged ones leave the
index, and then the store.  Stopped anywhere, nothing is lost that was not lost
before.  A pack of which a part could not be read stays: that may pass, and
what cannot be read need not be damaged.  Needs to be alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bkp.errors import BkpError, IntegrityError, NotFound, OutOfReach, StoreError
from bkp.events import Checked, Problem, Reporter
from bkp.formats.pack import BlobType, PackedBlob
from bkp.ids import BlobId, PackId
from bkp.repo.audit import PackAudit, pack_sizes, read_header, salvage
from bkp.repo.index import BlobIndex, Place
from bkp.repo.index_rewriting import IndexRewriter
from bkp.repo.locking import Lock
from bkp.repo.repository import Repository
from bkp.repo.writer import BlobWriter
from bkp.store.base import Kind, ObjectName


@dataclass(slots=True)
class PackRepair:
    """What was saved, and what was not; `packs` are those that are gone, `left` those that stay."""

    packs: list[PackId]
    saved: int = 0  # blobs
    lost: list[PackedBlob] = field(default_factory=list)  # those without another copy
    left: list[PackId] = field(default_factory=list)


def repair_packs(
    repo: Repository, lock: Lock, packs: Sequence[PackId], report: Reporter
) -> PackRepair:
    """Save what is intact in packs and remove them; `lock` must be exclusive.

    The index must be loaded.  Raises IntegrityError if it is damaged, and
    StoreError if the storage fails: then no pack was removed.
    """
    return _PackRepairing(repo, report).run(lock, list(dict.fromkeys(packs)))


class _PackRepairing:
    def __init__(self, repo: Repository, report: Reporter) -> None:
        self._repo = repo
        self._report = report
        self._audit = PackAudit(repo)
        self._sizes = pack_sizes(repo)
        self._marks = repo.marks()
        self._result = PackRepair([])
        self._saved: set[tuple[BlobType, BlobId]] = set()
        self._damaged: dict[tuple[BlobType, BlobId], PackedBlob] = {}

    def run(self, lock: Lock, packs: list[PackId]) -> PackRepair:
        result = self._result
        with self._repo.blob_writer(lock, known=BlobIndex()) as writer:
            for done, pack in enumerate(packs, 1):
                (result.packs if self._save(pack, writer) else result.left).append(pack)
                self._report(Checked("packs", done, len(packs)))
        result.lost = [blob for blob in self._damaged.values() if not self._is_elsewhere(blob)]
        if result.packs:
            self._remove(lock)
        return result

    def _remove(self, lock: Lock) -> None:
        gone = set(self._result.packs)
        lock.confirm()
        marks = [mark for pack, mark in self._marks.items() if pack not in gone]
        IndexRewriter(self._repo, lock.ensure).rewrite(gone, [], marks)
        for pack in self._result.packs:
            lock.ensure()
            self._repo.store.delete(_object(pack))

    def _save(self, pack: PackId, writer: BlobWriter) -> bool:
        """Store what is intact in a pack; say whether all of it could be looked at."""
        held, out_of_reach = self._by_header(pack)
        blobs = {*held, *self._audit.indexed(pack), *self._marked(pack)}
        for blob in sorted(blobs, key=lambda blob: blob.offset):
            key = (blob.type, blob.id)
            try:
                plain = salvage(self._repo, Place(pack, blob))
            except OutOfReach as error:
                out_of_reach = error
            except IntegrityError:
                self._damaged[key] = blob
            else:
                writer.write(blob.type, plain)
                self._saved.add(key)
                self._result.saved += 1
        if out_of_reach is not None:
            self._tell(
                pack,
                f"it stays, for not all of it can be read: {out_of_reach}; if that does not "
                "pass, remove the object by hand, then `bkp repair index`",
            )
        return out_of_reach is None

    def _marked(self, pack: PackId) -> list[PackedBlob]:
        """Return what is in a pack by the mark it has, if it has one."""
        mark = self._marks.get(pack)
        return [] if mark is None else mark.pack.blobs

    def _by_header(self, pack: PackId) -> tuple[list[PackedBlob], BkpError | None]:
        """Return what a pack says is in it, and what kept it from being read, if that may pass."""
        size = self._sizes.get(pack)
        try:
            return ([] if size is None else read_header(self._repo, pack, size).blobs), None
        except IntegrityError as error:
            self._tell(pack, f"its header cannot be read: {error}")
            return [], None
        except NotFound:
            return [], None
        except StoreError as error:
            return [], error

    def _is_elsewhere(self, blob: PackedBlob) -> bool:
        index, marked = self._repo.index, self._repo.marked
        places = [*index.places(blob.type, blob.id), *marked.places(blob.type, blob.id)]
        is_saved = (blob.type, blob.id) in self._saved
        return is_saved or any(place.pack not in self._result.packs for place in places)

    def _tell(self, pack: PackId, message: str) -> None:
        self._report(Problem("repair", str(_object(pack)).encode(), message))


def _object(pack: PackId) -> ObjectName:
    return ObjectName(Kind.PACK, pack.hex())
