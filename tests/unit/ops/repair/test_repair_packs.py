"""What is intact in a damaged pack survives it."""

from collections.abc import Callable
from itertools import count

import pytest

from bkp.errors import StoreError, StoreFull, Unavailable
from bkp.events import Event, Problem, Reporter, ignore
from bkp.formats.index import IndexedPack, encode_index
from bkp.formats.pack import BlobType
from bkp.ids import BlobId, PackId, blob_id
from bkp.ops.repair.packs import PackRepair, repair_packs
from bkp.repo import locking
from bkp.repo.repository import open_repository
from bkp.store.base import Kind, ObjectName
from packed import flip, mark_all, object_of, pack_of, put_index, replace
from repos import PASSWORD, make_repo, reopen, store_blobs
from stores import FailingStore, never, objects

BLOBS = [bytes([n]) * 1000 for n in range(8)]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FailingStore:
    monkeypatch.setattr(locking, "_SETTLE_SECONDS", 0)
    store = FailingStore()
    make_repo(store)
    store_blobs(reopen(store), *BLOBS)
    return store


@pytest.fixture
def pack(store: FailingStore) -> PackId:
    return pack_of(reopen(store), blob_id(BLOBS[0]))


def repair(store: FailingStore, *packs: PackId, report: Reporter = ignore) -> PackRepair:
    repo = open_repository(store, PASSWORD)
    with repo.lock(exclusive=True) as lock:
        repo.load_index()
        return repair_packs(repo, lock, packs, report)


def readable(store: FailingStore) -> set[BlobId]:
    repo = reopen(store)
    found = {name for name in map(blob_id, BLOBS) if repo.index.has(BlobType.DATA, name)}
    for name in found:
        repo.read_blob(BlobType.DATA, name)
    return found


def test_all_but_what_is_damaged_is_saved(store: FailingStore, pack: PackId) -> None:
    place = reopen(store).index.places(BlobType.DATA, blob_id(BLOBS[3]))[0]
    flip(store, object_of(pack), place.blob.offset + 20)

    result = repair(store, pack, pack)

    assert (result.packs, result.saved) == ([pack], 7)
    assert [blob.id for blob in result.lost] == [blob_id(BLOBS[3])]
    assert object_of(pack) not in set(objects(store, Kind.PACK))
    assert readable(store) == set(map(blob_id, BLOBS)) - {blob_id(BLOBS[3])}


def test_of_a_pack_that_was_cut_the_beginning_is_saved(store: FailingStore, pack: PackId) -> None:
    places = [reopen(store).index.places(BlobType.DATA, blob_id(blob))[0] for blob in BLOBS]
    first, second = sorted(places, key=lambda place: place.blob.offset)[:2]
    replace(store, object_of(pack), store.get(object_of(pack))[: second.blob.offset + 3])

    assert repair(store, pack).saved == 1

    assert readable(store) == {first.blob.id}


def test_what_is_intact_elsewhere_is_not_lost(store: FailingStore, pack: PackId) -> None:
    repo = reopen(store)
    repo.index.distrust(BlobType.DATA, blob_id(BLOBS[0]))
    store_blobs(repo, BLOBS[0])
    replace(store, object_of(pack), b"")

    lost = {blob.id for blob in repair(store, pack).lost}

    assert lost == set(map(blob_id, BLOBS[1:]))
    assert readable(store) == {blob_id(BLOBS[0])}


def test_what_no_index_names_is_found_by_its_header(store: FailingStore, pack: PackId) -> None:
    for name in list(objects(store, Kind.INDEX)):
        store.delete(name)

    assert repair(store, pack).saved == 8

    assert readable(store) == set(map(blob_id, BLOBS))


def test_a_pack_that_is_missing_leaves_the_index(store: FailingStore, pack: PackId) -> None:
    store.delete(object_of(pack))
    assert len(repair(store, pack).lost) == 8
    assert readable(store) == set()


def test_a_marked_pack_is_marked_no_more(store: FailingStore, pack: PackId) -> None:
    mark_all(reopen(store))
    assert repair(store, pack).saved == 8
    assert reopen(store).marks() == {}
    assert readable(store) == set(map(blob_id, BLOBS))


def test_a_storage_that_fails_costs_nothing(store: FailingStore, pack: PackId) -> None:
    """A disk that is unplugged is not one whose packs are all damaged."""
    opened: list[ObjectName] = []

    def fails(verb: str, name: ObjectName) -> Exception | None:
        if verb == "get" and name.kind is Kind.PACK:
            opened.append(name)
        is_gone = opened and verb == "get" and name.kind in {Kind.PACK, Kind.CONFIG}
        return Unavailable("gone") if is_gone else None

    store.fails = fails
    with pytest.raises(StoreError):
        repair(store, pack)

    store.fails = lambda _verb, _name: None
    assert object_of(pack) in set(objects(store, Kind.PACK))
    assert readable(store) == set(map(blob_id, BLOBS))


def test_without_room_for_what_is_saved_nothing_goes(store: FailingStore, pack: PackId) -> None:
    def fails(verb: str, name: ObjectName) -> Exception | None:
        return StoreFull("full") if verb == "put" and name.kind is Kind.PACK else None

    store.fails = fails
    with pytest.raises(StoreFull):
        repair(store, pack)

    assert readable(store) == set(map(blob_id, BLOBS))


def failing_reads(pack: PackId, *numbers: int) -> Callable[[str, ObjectName], Exception | None]:
    """Fail some of the reads of a pack, of which the first is that of its header."""
    reads = count()

    def fails(verb: str, name: ObjectName) -> Exception | None:
        is_read = verb == "get" and name == object_of(pack)
        return Unavailable("input/output error") if is_read and next(reads) in numbers else None

    return fails


@pytest.mark.parametrize(("reads", "saved"), [((3, 4, 5), 7), ((0,), 8)], ids=["blob", "header"])
def test_a_pack_that_cannot_be_read_now_stays(
    store: FailingStore, pack: PackId, reads: tuple[int, ...], saved: int
) -> None:
    """A disk may let it be read tomorrow, and permissions may be put right."""
    before = store.get(object_of(pack))
    events: list[Event] = []

    store.fails = failing_reads(pack, *reads)
    result = repair(store, pack, report=events.append)

    assert (result.packs, result.left, result.saved, result.lost) == ([], [pack], saved, [])
    assert [event.path.decode() for event in events if isinstance(event, Problem)] == [
        str(object_of(pack))
    ]
    assert store.get(object_of(pack)) == before
    assert readable(store) == set(map(blob_id, BLOBS))
    store.fails = never
    assert repair(store, pack).packs == [pack]


def test_what_can_be_read_the_second_time_is_saved(store: FailingStore, pack: PackId) -> None:
    store.fails = failing_reads(pack, 3)
    assert repair(store, pack).saved == 8


def test_of_a_marked_pack_is_saved_what_the_mark_names(store: FailingStore, pack: PackId) -> None:
    """Though its header is damaged: a snapshot may need it, and prune would take it back."""
    mark_all(reopen(store))
    flip(store, object_of(pack), -1)

    assert repair(store, pack).saved == 8
    assert readable(store) == set(map(blob_id, BLOBS))


def test_what_only_the_index_is_wrong_about_is_not_lost(store: FailingStore, pack: PackId) -> None:
    """The header of the pack knows where it is."""
    blobs = [place.blob for place in reopen(store).index.all_places()]
    moved = [blob._replace(offset=blob.offset + 1) for blob in blobs]
    for name in list(objects(store, Kind.INDEX)):
        store.delete(name)
    put_index(reopen(store), encode_index([IndexedPack(pack, moved)], 2))

    result = repair(store, pack)

    assert (result.saved, result.lost) == (8, [])
    assert readable(store) == set(map(blob_id, BLOBS))
