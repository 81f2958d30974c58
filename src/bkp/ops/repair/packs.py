"""Save what is intact in damaged packs, and let these go.

What is intact is stored in new packs first; then the damaged ones leave the
index, and then the store.  Stopped anywhere, nothing is lost that was not lost
before.  Needs to be alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bkp.errors import IntegrityError, StoreError
from bkp.events import Checked, Problem, Reporter
from bkp.formats.pack import PackedBlob
from bkp.ids import PackId
from bkp.repo.audit import PackAudit, pack_sizes, read_header, salvage
from bkp.repo.index import BlobIndex, Place
from bkp.repo.index_rewriting import IndexRewriter
from bkp.repo.locking import Lock
from bkp.repo.repository import Repository
from bkp.store.base import Kind, ObjectName


@dataclass(slots=True)
class PackRepair:
    """What was saved, and what was not."""

    packs: list[PackId]
    saved: int = 0  # blobs
    lost: list[PackedBlob] = field(default_factory=list)  # those without another copy


def repair_packs(
    repo: Repository, lock: Lock, packs: Sequence[PackId], report: Reporter
) -> PackRepair:
    """Save what is intact in packs and remove them; `lock` must be exclusive.

    The index must be loaded.  Raises IntegrityError if it is damaged, and
    StoreError if the storage fails: then no pack was removed.
    """
    result = PackRepair(list(dict.fromkeys(packs)))
    gone = set(result.packs)
    sizes = pack_sizes(repo)
    audit = PackAudit(repo)
    with repo.blob_writer(lock, known=BlobIndex()) as writer:
        for done, pack in enumerate(result.packs, 1):
            for blob in _blobs_in(repo, audit, pack, sizes.get(pack), report):
                try:
                    plain = salvage(repo, Place(pack, blob))
                except IntegrityError:
                    result.lost.append(blob)
                    continue
                writer.write(blob.type, plain)
                result.saved += 1
            report(Checked("packs", done, len(result.packs)))
    result.lost = [blob for blob in result.lost if not _is_elsewhere(repo, blob, gone)]
    lock.confirm()
    marks = [mark for pack, mark in repo.marks().items() if pack not in gone]
    IndexRewriter(repo, lock.ensure).rewrite(gone, [], marks)
    for pack in result.packs:
        lock.ensure()
        repo.store.delete(_object(pack))
    return result


def _blobs_in(
    repo: Repository, audit: PackAudit, pack: PackId, size: int | None, report: Reporter
) -> Iterator[PackedBlob]:
    """Yield what the index or its own header says is in a pack."""
    indexed = audit.indexed(pack)
    yield from indexed
    try:
        if size is not None:
            yield from set(read_header(repo, pack, size).blobs) - set(indexed)
    except (IntegrityError, StoreError) as error:
        message = f"its header cannot be read: {error}"
        report(Problem("repair", str(_object(pack)).encode(), message))


def _is_elsewhere(repo: Repository, blob: PackedBlob, gone: set[PackId]) -> bool:
    return any(place.pack not in gone for place in repo.index.places(blob.type, blob.id))


def _object(pack: PackId) -> ObjectName:
    return ObjectName(Kind.PACK, pack.hex())
