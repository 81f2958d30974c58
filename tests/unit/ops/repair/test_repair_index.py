"""The index says again what is in the packs, whatever happened to it."""

import dataclasses
import os

import pytest

from bkp.errors import IntegrityError, Malformed
from bkp.events import Event, Problem, ignore
from bkp.formats.config import encode_config
from bkp.formats.index import IndexedPack, encode_index
from bkp.formats.pack import BlobType
from bkp.ids import PackId, blob_id
from bkp.ops.check.run import CheckOptions, check
from bkp.ops.check.subset import Everything
from bkp.ops.repair.index import IndexRepair, repair_index
from bkp.repo import locking
from bkp.repo.repository import open_repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.store.base import CONFIG, Kind, ObjectName
from bkp.store.memory import MemoryStore
from packed import flip, mark_all, object_of, pack_of, put_index, replace, save
from repos import PASSWORD, make_repo, reopen
from stores import objects

DATA = os.urandom(50_000)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    monkeypatch.setattr(locking, "_SETTLE_SECONDS", 0)
    return MemoryStore()


@pytest.fixture
def saved(store: MemoryStore) -> list[SavedSnapshot]:
    """Return two snapshots, each with an index of its own."""
    repo = make_repo(store)
    return [save(repo, {b"a": b"first"}), save(repo, {b"a": b"first", b"b": DATA})]


def repair(store: MemoryStore, *, read_all: bool = False) -> tuple[IndexRepair, list[Event]]:
    events: list[Event] = []
    repo = open_repository(store, PASSWORD)
    with repo.lock(exclusive=True) as lock:
        return repair_index(repo, lock, events.append, read_all=read_all), events


def problems(events: list[Event]) -> list[str]:
    return [event.path.decode() for event in events if isinstance(event, Problem)]


def assert_sound(store: MemoryStore) -> None:
    result = check(open_repository(store, PASSWORD), CheckOptions(read=Everything()), ignore)
    assert result.faults == ()


def pack_with_data(store: MemoryStore) -> ObjectName:
    return object_of(pack_of(reopen(store), blob_id(DATA)))


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("read_all", [False, True])
def test_an_index_that_is_right_stays_right(store: MemoryStore, read_all: bool) -> None:
    before = set(objects(store, Kind.INDEX))

    result, events = repair(store, read_all=read_all)

    assert not result.changes
    assert problems(events) == []
    assert read_all or set(objects(store, Kind.INDEX)) == before
    assert_sound(store)


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("read_all", [False, True])
def test_what_is_lost_of_the_index_is_read_from_the_packs(
    store: MemoryStore, read_all: bool
) -> None:
    for name in list(objects(store, Kind.INDEX)):
        store.delete(name)

    result, _ = repair(store, read_all=read_all)

    assert len(result.added) == len(list(objects(store, Kind.PACK))) == 4
    assert_sound(store)


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("read_all", [False, True])
def test_a_damaged_object_is_replaced(store: MemoryStore, read_all: bool) -> None:
    damaged = next(objects(store, Kind.INDEX))
    flip(store, damaged, 20)
    with pytest.raises(IntegrityError):
        reopen(store)

    result, events = repair(store, read_all=read_all)

    assert result.damaged == [damaged]
    assert problems(events) == [str(damaged)]
    assert damaged not in set(objects(store, Kind.INDEX))
    assert_sound(store)


@pytest.mark.usefixtures("saved")
def test_packs_that_are_gone_are_forgotten(store: MemoryStore) -> None:
    pack = pack_with_data(store)
    store.delete(pack)

    result, _ = repair(store)

    assert [name.hex() for name in result.missing] == [pack.id]
    assert not reopen(store).index.has(BlobType.DATA, blob_id(DATA))
    assert reopen(store).index.has(BlobType.DATA, blob_id(b"first"))


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("read_all", [False, True])
def test_a_pack_that_was_cut_stays_in_the_index_for_what_is_intact_in_it(
    store: MemoryStore, read_all: bool
) -> None:
    pack = pack_with_data(store)
    before = reopen(store).index.places(BlobType.DATA, blob_id(DATA))
    replace(store, pack, store.get(pack)[:-10])

    result, events = repair(store, read_all=read_all)

    assert [name.hex() for name in result.unreadable] == [pack.id]
    assert problems(events) == [str(pack)]
    repo = reopen(store)
    assert repo.index.places(BlobType.DATA, blob_id(DATA)) == before
    assert repo.read_blob(BlobType.DATA, blob_id(DATA)) == DATA


@pytest.mark.usefixtures("saved")
def test_a_pack_of_which_nothing_is_known_is_named_and_left(store: MemoryStore) -> None:
    pack = ObjectName(Kind.PACK, "ab" * 32)
    store.put(pack, b"no pack at all" * 10)

    result, events = repair(store)

    assert not result.changes
    assert problems(events) == [str(pack)]


@pytest.mark.usefixtures("saved")
def test_an_index_that_says_too_little_is_corrected(store: MemoryStore) -> None:
    """As one would be that forgot some of the blobs of a pack."""
    repo = reopen(store)
    place = repo.index.places(BlobType.DATA, blob_id(DATA))[0]
    other = b'{"packs":[{"id":"%s","blobs":[]}]}' % place.pack.hex().encode()
    for name in list(objects(store, Kind.INDEX)):
        if place.pack.hex().encode() in repo.envelope.open_file(store.get(name)):
            store.delete(name)
    put_index(repo, other)

    repair(store)

    assert_sound(store)


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("read_all", [False, True])
def test_what_is_marked_stays_marked(store: MemoryStore, read_all: bool) -> None:
    mark_all(reopen(store))
    before = reopen(store).marks()
    assert len(before) == 4

    result, _ = repair(store, read_all=read_all)

    assert not result.changes
    assert reopen(store).marks() == before


@pytest.mark.usefixtures("saved")
def test_what_is_marked_without_a_word_on_what_is_in_it_comes_back(store: MemoryStore) -> None:
    """Prune marks so what is in no index; if it is needed, nothing else would find it."""
    repo = reopen(store)
    sizes = {name: size for name, size in store.scan(Kind.PACK)}
    for name in list(objects(store, Kind.INDEX)):
        store.delete(name)
    marks = [
        IndexedPack(PackId(bytes.fromhex(name.id)), [], "2026-01-01T00:00:00Z", size)
        for name, size in sizes.items()
    ]
    put_index(repo, encode_index([], 2, marks))

    result, _ = repair(store)

    assert len(result.added) == 4
    assert reopen(store).marks() == {}
    assert_sound(store)


@pytest.mark.usefixtures("saved")
def test_under_an_older_config_nothing_is_changed(store: MemoryStore) -> None:
    # One from before the repository was migrated; under it no pack that is compressed is indexed.
    repo = open_repository(store, PASSWORD)
    store.delete(next(objects(store, Kind.INDEX)))
    sealed = repo.envelope.seal_raw(encode_config(dataclasses.replace(repo.config, version=1)))
    replace(store, CONFIG, sealed)
    before = set(objects(store, Kind.INDEX))

    with pytest.raises(Malformed, match="config"):
        repair(store)

    assert set(objects(store, Kind.INDEX)) == before
