"""Which blobs are wanted: by their ids, the beginnings of these, or the packs they are in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bkp.errors import IntegrityError, Missing, StoreError
from bkp.events import Notice, Reporter
from bkp.formats.pack import BlobType
from bkp.ids import ID_SIZE, BlobId, PackId
from bkp.repo.audit import pack_sizes, read_header
from bkp.repo.objects import only_one, refuse_what_begins_no_id
from bkp.repo.repository import Repository

_FULL = 2 * ID_SIZE  # digits


class Beginnings:
    """Ids, or just their first digits; asking costs as much as there are different lengths.

    Raises UsageError for what begins no id.
    """

    def __init__(self, given: Iterable[str] = ()) -> None:
        self._by_length: dict[int, set[str]] = {}
        for digits in given:
            refuse_what_begins_no_id(digits)
            self._by_length.setdefault(len(digits), set()).add(digits)

    def __contains__(self, name: str) -> bool:
        return any(name[:length] in some for length, some in self._by_length.items())

    def full(self) -> list[str]:
        """Return the ids that were given in full."""
        return sorted(self._by_length.get(_FULL, ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The data blobs and the trees that are wanted."""

    data: Beginnings = field(default_factory=Beginnings)
    trees: Beginnings = field(default_factory=Beginnings)

    def full(self) -> list[tuple[BlobType, BlobId]]:
        """Return those whose ids were given in full."""
        return [
            (kind, BlobId(bytes.fromhex(name)))
            for kind, wanted in ((BlobType.DATA, self.data), (BlobType.TREE, self.trees))
            for name in wanted.full()
        ]


def wanted_in_packs(repo: Repository, given: Sequence[str], report: Reporter) -> Wanted:
    """Return all that is in some packs, each named by its id or the beginning of that.

    A pack says itself what it holds.  For one that is damaged or gone, which
    is told as a Notice, the index does, so that is needed.  Raises UsageError
    if no pack is meant or several are, and what is wrong with a pack that no
    index names.
    """
    sizes = pack_sizes(repo)
    known = {pack.hex() for pack in (*sizes, *repo.index.packs(), *repo.marked.packs())}
    blobs: set[tuple[BlobType, BlobId]] = set()
    unreadable: dict[PackId, IntegrityError | StoreError] = {}
    for name in [only_one("pack", digits, known) for digits in given]:
        pack = PackId(bytes.fromhex(name))
        try:
            if pack not in sizes:
                raise Missing("it is not there")
            held = read_header(repo, pack, sizes[pack]).blobs
            blobs.update((blob.type, blob.id) for blob in held)
        except (IntegrityError, StoreError) as error:
            report(Notice(f"pack {name}: {error}; going by what the index says is in it"))
            unreadable[pack] = error
    blobs |= _indexed(repo, unreadable)
    return Wanted(
        data=Beginnings(name.hex() for kind, name in blobs if kind is BlobType.DATA),
        trees=Beginnings(name.hex() for kind, name in blobs if kind is BlobType.TREE),
    )


def _indexed(
    repo: Repository, packs: dict[PackId, IntegrityError | StoreError]
) -> set[tuple[BlobType, BlobId]]:
    """Return what the index says is in packs, in one pass over it."""
    blobs: set[tuple[BlobType, BlobId]] = set()
    missing = dict(packs)
    if packs:
        for index in (repo.index, repo.marked):
            for place in index.all_places():
                if place.pack in packs:
                    blobs.add((place.blob.type, place.blob.id))
                    missing.pop(place.pack, None)
    for pack, error in missing.items():
        raise type(error)(f"pack {pack.hex()}, which no index names: {error}") from error
    return blobs
