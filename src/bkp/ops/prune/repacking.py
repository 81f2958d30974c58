"""Store anew what is used of packs that are used in part."""

from collections.abc import Iterator

from bkp.events import Checked, Reporter
from bkp.formats.pack import BlobType
from bkp.ids import BlobId, PackId
from bkp.ops.blobcopy import BlobCopier
from bkp.repo.blobset import BlobSet
from bkp.repo.index import BlobIndex
from bkp.repo.locking import Lock
from bkp.repo.repository import Repository

from .survey import PackUse, Survey


def repack(
    repo: Repository,
    lock: Lock,
    packs: list[PackUse],
    found: Survey,
    used: BlobSet,
    report: Reporter,
) -> int:
    """Store what is used of some packs in new ones; return the bytes that took.

    Raises IntegrityError if something of it cannot be read.
    """
    chosen = {pack.id for pack in packs}
    added = 0
    with repo.blob_writer(lock, known=BlobIndex()) as writer:
        for kind in BlobType:
            names = list(_needed(repo, kind, chosen, found, used))
            copier = BlobCopier(kind, writer)
            read = repo.read_trees if kind is BlobType.TREE else repo.read_blobs
            for error in read(names, copier.take).values():
                raise error
            added += copier.added
            report(Checked("repack", copier.blobs, len(names)))
    return added


def _needed(
    repo: Repository, kind: BlobType, chosen: set[PackId], found: Survey, used: BlobSet
) -> Iterator[BlobId]:
    for place in repo.index.all_places():
        blob = place.blob
        is_wanted = blob.type is kind and place.pack in chosen and found.is_counted(place)
        if is_wanted and used.has_each(kind, blob.id)[0]:
            yield blob.id
