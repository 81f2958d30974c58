"""Packs that no index says to rely on: left behind, being added right now, or marked.

What is in them matters only if a snapshot needs it and it is nowhere else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bkp.errors import IntegrityError, StoreError
from bkp.events import Checked, Reporter
from bkp.formats.index import IndexedPack
from bkp.ids import PackId
from bkp.repo.audit import read_header
from bkp.repo.repository import Repository

from .faults import BlobKey


@dataclass(frozen=True, slots=True)
class Orphans:
    """These packs; `blobs` are those that are in no other, each with the pack it is in."""

    packs: frozenset[PackId]
    blobs: dict[BlobKey, PackId] = field(default_factory=dict)


def look_into_orphans(
    repo: Repository, sizes: Mapping[PackId, int], hints: list[str], report: Reporter
) -> Orphans:
    """Find out what is in packs that no index names, in case it is needed.

    `sizes` are the packs that are there.  The blobs are added to the index in
    memory: from now on they are like those of other packs.
    """
    indexed = {total.pack for total in repo.index.pack_totals() if total.blobs}
    orphans = Orphans(frozenset(pack for pack in sizes if pack not in indexed))
    for done, held in enumerate(_contents(repo, orphans.packs, sizes, hints), 1):
        for blob in held.blobs:
            if not repo.index.has(blob.type, blob.id):
                orphans.blobs[blob.type, blob.id] = held.id
        repo.index.add(held)
        report(Checked("packs", done, len(orphans.packs)))
    return orphans


def _contents(
    repo: Repository, packs: frozenset[PackId], sizes: Mapping[PackId, int], hints: list[str]
) -> Iterator[IndexedPack]:
    marks = repo.marks()
    for pack in packs:
        if pack in marks and marks[pack].pack.blobs:
            yield IndexedPack(pack, marks[pack].pack.blobs)  # what reading goes by
            continue
        try:
            yield read_header(repo, pack, sizes[pack])
        except (IntegrityError, StoreError) as error:
            hints.append(f"data/{pack.hex()} is in no index and cannot be read: {error}")
