"""What each pack holds: how much of it is used, and which copy of a blob counts.

Of several copies of a blob that is used one counts as used, in the pack that
has most of what is used besides; the others are as good as unused.  That one is
read first, for the others may be all that is intact.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from bkp.errors import IntegrityError
from bkp.formats.index import IndexedPack
from bkp.formats.pack import (
    SEAL_OVERHEAD,
    BlobType,
    PackedBlob,
    header_entry_size,
    header_size,
)
from bkp.ids import PackId
from bkp.repo.audit import pack_sizes, salvage
from bkp.repo.blobset import BlobSet
from bkp.repo.index import BlobIndex, Place
from bkp.repo.marks import Mark, unmarked_for
from bkp.repo.repository import Repository

_AT_ONCE = 4096  # places that are looked up together

Key = tuple[BlobType, bytes]


@dataclass(slots=True)
class PackUse:
    """What is in a pack; sizes in bytes, sealed, each with its share of the header."""

    id: PackId
    used_blobs: int = 0
    used_size: int = 0
    unused_blobs: int = 0
    unused_size: int = 0
    kinds: set[BlobType] = field(default_factory=set)
    is_compressed: bool = True  # all of it

    @property
    def size(self) -> int:
        """The bytes that the pack must have."""
        return self.used_size + self.unused_size + header_size([])

    def take(self, blob: PackedBlob, *, is_used: bool) -> None:
        """Count a blob."""
        size = blob.length + header_entry_size(blob.raw_length)
        self.kinds.add(blob.type)
        # What is empty is never compressed.
        self.is_compressed &= blob.raw_length > 0 or blob.length == SEAL_OVERHEAD
        if is_used:
            self.used_blobs += 1
            self.used_size += size
        else:
            self.unused_blobs += 1
            self.unused_size += size


@dataclass(slots=True)
class Survey:
    """Everything a plan is made from.

    `packs` are those of the index, `sizes` those that are there with their
    bytes.  Of the marked ones, `rescued` hold what is needed and nowhere else.
    `counted` says in which pack the copy is that counts, of blobs that have
    several.
    """

    packs: dict[PackId, PackUse]
    marks: Mapping[PackId, Mark]
    rescued: dict[PackId, IndexedPack]
    sizes: Mapping[PackId, int]
    counted: Mapping[Key, PackId]
    used_blobs: int

    def is_counted(self, place: Place) -> bool:
        """Say whether this copy of a used blob is the one that counts."""
        return self.counted.get((place.blob.type, place.blob.id), place.pack) == place.pack


def survey(repo: Repository, used: BlobSet) -> Survey:
    """Look at all packs.

    Raises Missing if something that is used is in none of them, and another
    IntegrityError if the copy that counts of several is damaged.
    """
    packs: dict[PackId, PackUse] = {}
    copies = _copies(repo.index)
    counted: dict[Key, PackId] = {}
    found = 0
    for place, is_used in _places(repo.index, used):
        if (place.blob.type, place.blob.id) in copies:
            copies[place.blob.type, place.blob.id].append(place)
            continue
        found += is_used
        _of(packs, place.pack).take(place.blob, is_used=is_used)
    for key, places in copies.items():
        is_used = bool(used.has_each(key[0], key[1])[0])
        found += is_used
        best = max(places, key=lambda place: (_of(packs, place.pack).used_size, place.pack))
        if is_used:
            _require_intact(repo, best)
            counted[key] = best.pack
        for place in places:
            _of(packs, place.pack).take(place.blob, is_used=is_used and place is best)
    rescued = _rescue(repo, used, len(used) - found)
    marks = {pack: mark for pack, mark in repo.marks().items() if pack not in packs}
    return Survey(packs, marks, rescued, pack_sizes(repo), counted, len(used))


def _require_intact(repo: Repository, place: Place) -> None:
    try:
        salvage(repo, place)
    except IntegrityError as error:
        pack = place.pack.hex()
        raise type(error)(
            f"data/{pack} is needed, but damaged: {error}; `bkp repair packs {pack}` saves the rest"
        ) from error


def _of(packs: dict[PackId, PackUse], pack: PackId) -> PackUse:
    found = packs.get(pack)
    if found is None:
        found = packs[pack] = PackUse(pack)
    return found


def _places(index: BlobIndex, used: BlobSet) -> Iterator[tuple[Place, bool]]:
    """Yield every copy of every blob, and whether the blob is used."""
    places = index.all_places()
    while batch := list(islice(places, _AT_ONCE)):
        verdicts = {kind: _verdicts(kind, batch, used) for kind in BlobType}
        for place in batch:
            yield place, bool(next(verdicts[place.blob.type]))


def _verdicts(kind: BlobType, places: list[Place], used: BlobSet) -> Iterator[int]:
    names = b"".join(place.blob.id for place in places if place.blob.type is kind)
    return iter(used.has_each(kind, names))


def _copies(index: BlobIndex) -> defaultdict[Key, list[Place]]:
    """Return the blobs that have several copies, each with a list that is still empty."""
    copies: defaultdict[Key, list[Place]] = defaultdict(list)
    if index.copies() == len(index):
        return copies
    met = BlobSet()
    places = index.all_places()
    for place in places:
        if not met.add(place.blob.type, place.blob.id):
            copies[place.blob.type, place.blob.id] = []
    return copies


def _rescue(repo: Repository, used: BlobSet, lacking: int) -> dict[PackId, IndexedPack]:
    """Return the marked packs without which something that is used would be nowhere."""
    if not lacking:
        return {}
    needed = ((kind, name) for kind, name in used if not repo.index.has(kind, name))
    return {pack.id: pack for pack in unmarked_for(repo.marks(), repo.marked, needed)}


def require_sound(survey: Survey) -> None:
    """Raise IntegrityError unless every pack that is needed is there, in its size."""
    for pack in survey.packs.values():
        if pack.used_blobs and survey.sizes.get(pack.id) != pack.size:
            _refuse(pack.id, survey.sizes.get(pack.id), pack.size)
    for pack_id, rescued in survey.rescued.items():
        wanted = sum(blob.length for blob in rescued.blobs) + header_size(rescued.blobs)
        if survey.sizes.get(pack_id) != wanted:
            _refuse(pack_id, survey.sizes.get(pack_id), wanted)


def _refuse(pack: PackId, size: int | None, wanted: int) -> None:
    what = "is missing" if size is None else f"has {size} bytes, not {wanted}"
    raise IntegrityError(f"data/{pack.hex()} is needed, but {what}")
