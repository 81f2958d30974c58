"""Packs that no index says to rely on are checked like others if a snapshot needs them."""

import pytest

from bkp.formats.index import IndexedPack, encode_index
from bkp.formats.pack import BlobType
from bkp.ids import PackId, blob_id
from bkp.ops.check.faults import FaultKind
from bkp.ops.check.run import CheckOptions, CheckResult, check
from bkp.ops.check.subset import Everything, parse_subset
from bkp.repo.repository import Repository, open_repository
from bkp.store.base import Kind, ObjectName
from bkp.store.memory import MemoryStore
from packed import flip, mark_all, object_of, pack_of, put_index, replace, save
from repos import PASSWORD, make_repo, store_blobs
from stores import objects

BIG = bytes(range(256)) * 4000
DATA = CheckOptions(read=Everything())


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def repo(store: MemoryStore) -> Repository:
    repo = make_repo(store)
    save(repo, {b"big": BIG, b"small": b"small"})
    return repo


def checked(store: MemoryStore, options: CheckOptions | None = None) -> CheckResult:
    return check(open_repository(store, PASSWORD), options)


def harmed(result: CheckResult) -> list[bytes]:
    return [path for fault in result.faults for one in fault.harm.newest for path in one.paths]


def damage(repo: Repository, data: bytes) -> ObjectName:
    """Flip a bit of a blob; return its pack."""
    place = repo.index.places(BlobType.DATA, blob_id(data))[0]
    flip(repo.store, object_of(place.pack), place.blob.offset + 20)
    return object_of(place.pack)


def test_a_marked_pack_that_is_needed_is_read(repo: Repository, store: MemoryStore) -> None:
    mark_all(repo)

    result = checked(store, DATA)

    assert result.faults == ()
    assert result.packs_read == result.packs == 2

    damage(repo, BIG)
    result = checked(store, DATA)

    assert [fault.kind for fault in result.faults] == [FaultKind.PACK]
    assert harmed(result) == [b"/big"]


def test_a_marked_pack_that_nobody_needs_is_not_read(repo: Repository, store: MemoryStore) -> None:
    store_blobs(repo, b"unneeded")
    mark_all(repo)
    damage(repo, b"unneeded")

    result = checked(store, DATA)

    assert result.faults == ()
    assert result.packs_read == result.packs - 1


def test_the_parts_together_read_marked_packs_too(repo: Repository, store: MemoryStore) -> None:
    mark_all(repo)

    parts = [checked(store, CheckOptions(read=parse_subset(f"{n}/3"))) for n in (1, 2, 3)]

    assert sum(part.packs_read for part in parts) == 2


def test_the_size_of_a_marked_pack_counts_if_it_is_needed(
    repo: Repository, store: MemoryStore
) -> None:
    store_blobs(repo, b"unneeded")
    mark_all(repo)
    for data in (b"unneeded", BIG):
        name = object_of(pack_of(repo, blob_id(data)))
        replace(store, name, store.get(name)[:-1])

    result = checked(store)

    (fault,) = result.faults
    assert "bytes, not the" in fault.message
    assert fault.where == str(object_of(pack_of(repo, blob_id(BIG))))


def test_what_is_in_a_marked_pack_is_known_although_its_header_is_damaged(
    repo: Repository, store: MemoryStore
) -> None:
    mark_all(repo)
    flip(store, object_of(pack_of(repo, blob_id(BIG))), -40)

    assert checked(store).faults == ()
    result = checked(store, DATA)

    assert ["header" in fault.message for fault in result.faults] == [True]
    assert harmed(result) == []


def test_a_pack_in_no_index_is_read_if_it_is_needed(repo: Repository, store: MemoryStore) -> None:
    for name in list(objects(store, Kind.INDEX)):
        store.delete(name)
    pack = damage(repo, BIG)

    result = checked(store, DATA)

    kinds = {fault.kind for fault in result.faults if fault.where == str(pack)}
    assert kinds == {FaultKind.INDEX, FaultKind.PACK}


def test_a_pack_whose_mark_does_not_name_what_is_needed_of_it_needs_an_index(
    repo: Repository, store: MemoryStore
) -> None:
    """Who reads goes by the mark, so nobody finds it."""
    marks = [
        IndexedPack(PackId(bytes.fromhex(name.id)), [], "2026-01-01T00:00:00Z", size)
        for name, size in store.scan(Kind.PACK)
    ]
    for name in list(objects(store, Kind.INDEX)):
        store.delete(name)
    put_index(repo, encode_index([], 2, marks))

    result = checked(store)

    assert result.needs_index
    assert {fault.kind for fault in result.faults} == {FaultKind.INDEX}
