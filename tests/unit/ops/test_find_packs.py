"""What is in a pack, whatever became of it."""

import pytest

from bkp.errors import IntegrityError, UsageError
from bkp.events import Event, Notice
from bkp.formats.pack import BlobType
from bkp.ids import BlobId
from bkp.ops.find.wanted import wanted_in_packs
from bkp.repo.repository import Repository
from bkp.store.base import Kind, ObjectName
from bkp.store.memory import MemoryStore
from packed import mark_all, replace
from repos import make_repo, reopen, store_blobs
from stores import objects


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def filled(store: MemoryStore) -> Repository:
    """Return a repository with a pack for each of two blobs, one of them a tree."""
    repo = make_repo(store)
    store_blobs(repo, b"some data")
    store_blobs(repo, b'{"nodes":[]}\n', kind=BlobType.TREE)
    return reopen(store)


def ignore(_: Event) -> None:
    pass


def pack_of(repo: Repository, kind: BlobType) -> str:
    (place,) = (place for place in repo.index.all_places() if place.blob.type is kind)
    return place.pack.hex()


def blobs(repo: Repository, *kinds: BlobType) -> list[tuple[BlobType, BlobId]]:
    return sorted(
        (place.blob[:2] for place in repo.index.all_places() if place.blob.type in kinds),
        key=lambda blob: blob[0].value,
    )


def test_data_and_trees_of_several_packs(filled: Repository) -> None:
    data, tree = pack_of(filled, BlobType.DATA), pack_of(filled, BlobType.TREE)

    assert wanted_in_packs(filled, [data], ignore).full() == blobs(filled, BlobType.DATA)
    assert wanted_in_packs(filled, [tree[:20]], ignore).full() == blobs(filled, BlobType.TREE)
    assert wanted_in_packs(filled, [data, tree], ignore).full() == blobs(filled, *BlobType)


@pytest.mark.parametrize("what", ["missing", "damaged", "marked"])
def test_of_a_pack_that_cannot_be_read_the_index_knows(
    store: MemoryStore, filled: Repository, what: str
) -> None:
    name = ObjectName(Kind.PACK, pack_of(filled, BlobType.DATA))
    expected = blobs(filled, BlobType.DATA)
    if what == "marked":
        mark_all(filled)
    repo = reopen(store)
    if what == "damaged":
        replace(store, name, bytes(len(store.get(name))))
    else:
        store.delete(name)
    events: list[Event] = []

    assert wanted_in_packs(repo, [name.id[:16]], events.append).full() == expected
    assert [type(event) for event in events] == [Notice]


def test_a_pack_that_nothing_knows_what_is_in_is_an_error(
    store: MemoryStore, filled: Repository
) -> None:
    name = ObjectName(Kind.PACK, "ab" * 32)
    store.put(name, b"no pack at all, though it is called one")

    with pytest.raises(IntegrityError):
        wanted_in_packs(filled, [name.id], ignore)


def test_the_contents_of_a_pack_in_no_index_are_known(
    store: MemoryStore, filled: Repository
) -> None:
    expected = blobs(filled, BlobType.DATA)
    pack = pack_of(filled, BlobType.DATA)
    for name in list(objects(store, Kind.INDEX)):
        store.delete(name)

    assert wanted_in_packs(reopen(store), [pack], ignore).full() == expected


def test_no_pack_and_several_are_refused(filled: Repository) -> None:
    with pytest.raises(UsageError, match="no pack"):
        wanted_in_packs(filled, ["0" * 64], ignore)
    for number in range(17):
        store_blobs(filled, b"%d" % number)
    firsts = [pack.hex()[0] for pack in filled.index.packs()]
    shared = next(digit for digit in firsts if firsts.count(digit) > 1)
    with pytest.raises(UsageError, match="ambiguous"):
        wanted_in_packs(filled, [shared], ignore)
