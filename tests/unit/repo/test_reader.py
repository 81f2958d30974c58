"""Reading blobs back: in few large reads, verified, from whichever copy is intact."""

import os
import threading
from collections.abc import Iterable

import pytest

from bkp.errors import (
    AccessDenied,
    Inauthentic,
    IntegrityError,
    Missing,
    StoreError,
    Truncated,
    Unavailable,
)
from bkp.formats.pack import BlobType
from bkp.ids import BlobId
from bkp.repo.repository import Repository
from bkp.store.base import Kind, ObjectName
from repos import make_repo, reopen, store_blobs
from stores import FailingStore, RecordingStore, objects, replace


def read_all(repo: Repository, ids: Iterable[BlobId]) -> tuple[dict[BlobId, bytes], set[BlobId]]:
    found: dict[BlobId, bytes] = {}
    lock = threading.Lock()

    def consume(names: list[BlobId], data: memoryview, pieces: list[tuple[int, int]]) -> None:
        with lock:
            for name, (offset, length) in zip(names, pieces, strict=True):
                assert name not in found
                found[name] = bytes(data[offset : offset + length])

    failures = repo.read_blobs(ids, consume)
    return found, set(failures)


def test_neighbouring_blobs_are_one_read() -> None:
    store = RecordingStore()
    ids = store_blobs(make_repo(store), *(os.urandom(1000) for _ in range(50)))
    repo = reopen(store)
    store.reads.clear()

    found, failures = read_all(repo, ids)

    assert set(found) == set(ids)
    assert not failures
    assert len(store.reads) == 1


def test_each_blob_is_handed_over_once() -> None:
    store = RecordingStore()
    (name,) = store_blobs(make_repo(store), b"content")

    found, _ = read_all(reopen(store), [name, name, name])

    assert found == {name: b"content"}


def test_a_damaged_blob_does_not_hide_its_neighbours() -> None:
    store = RecordingStore()
    ids = store_blobs(make_repo(store), *(os.urandom(1000) for _ in range(10)))
    (pack,) = objects(store, Kind.PACK)
    repo = reopen(store)
    offset = repo.index.places(BlobType.DATA, ids[3])[0].blob.offset
    data = bytearray(store.get(pack))
    data[offset + 40] ^= 1
    replace(store, pack, bytes(data))

    found, failures = read_all(repo, ids)

    assert failures == {ids[3]}
    assert set(found) == set(ids) - {ids[3]}
    with pytest.raises(Inauthentic, match=ids[3].hex()):
        repo.read_blob(BlobType.DATA, ids[3])


def test_a_truncated_pack_still_gives_what_it_holds() -> None:
    store = RecordingStore()
    ids = store_blobs(make_repo(store), *(os.urandom(1000) for _ in range(10)))
    (pack,) = objects(store, Kind.PACK)
    replace(store, pack, store.get(pack)[:5000])

    found, failures = read_all(reopen(store), ids)

    assert len(found) == 4
    assert len(failures) == 6
    with pytest.raises(Truncated):
        reopen(store).read_blob(BlobType.DATA, next(iter(failures)))


def test_a_second_copy_is_read_when_the_first_is_lost() -> None:
    store = RecordingStore()
    first, second = make_repo(store), None
    second = reopen(store)  # does not know what the first is about to store
    (name,) = store_blobs(first, b"content")
    store_blobs(second, b"content")
    repo = reopen(store)
    store.delete(next(n for n in objects(store, Kind.PACK)))

    found, failures = read_all(repo, [name])

    assert (found, failures) == ({name: b"content"}, set())


def test_a_lost_pack_is_reported_for_each_of_its_blobs() -> None:
    store = RecordingStore()
    ids = store_blobs(make_repo(store), b"one", b"two")
    repo = reopen(store)
    store.delete(next(objects(store, Kind.PACK)))

    _, failures = read_all(repo, ids)

    assert failures == set(ids)
    with pytest.raises(Missing):
        repo.read_blob(BlobType.DATA, ids[0])


def test_what_the_consumer_raises_ends_the_reading() -> None:
    store = RecordingStore()
    ids = store_blobs(make_repo(store), b"one", b"two")

    def consume(_names: list[BlobId], _data: memoryview, _pieces: list[tuple[int, int]]) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        reopen(store).read_blobs(ids, consume)


def test_swapped_packs_are_noticed() -> None:
    store = RecordingStore()
    repo = make_repo(store)
    one = store_blobs(repo, os.urandom(1000))
    two = store_blobs(repo, os.urandom(1000))
    a, b = objects(store, Kind.PACK)
    bytes_a, bytes_b = store.get(a), store.get(b)
    replace(store, a, bytes_b)
    replace(store, b, bytes_a)
    repo = reopen(store)

    for name in one + two:
        with pytest.raises(IntegrityError):
            repo.read_blob(BlobType.DATA, name)


def fail_packs(store: FailingStore, *packs: ObjectName, error: Exception) -> None:
    store.fails = lambda verb, name: error if verb == "get" and name in packs else None


@pytest.mark.parametrize("error", [AccessDenied("no"), Unavailable("EIO"), StoreError("odd")])
def test_a_pack_that_cannot_be_read_costs_only_what_is_in_it(error: Exception) -> None:
    store = FailingStore()
    repo = make_repo(store)
    lost = store_blobs(repo, os.urandom(1000), os.urandom(1000))
    (pack,) = objects(store, Kind.PACK)
    kept = store_blobs(repo, os.urandom(1000))
    fail_packs(store, pack, error=error)

    found, failures = read_all(reopen(store), lost + kept)

    assert set(found) == set(kept)
    assert failures == set(lost)
    with pytest.raises(Missing, match=str(error)):
        reopen(store).read_blob(BlobType.DATA, lost[0])


def test_a_storage_that_is_gone_is_no_damage() -> None:
    store = FailingStore()
    ids = store_blobs(make_repo(store), b"one", b"two")
    repo = reopen(store)
    store.fails = lambda _verb, _name: Unavailable("unplugged")

    with pytest.raises(Unavailable, match="unplugged"):
        read_all(repo, ids)
    with pytest.raises(Unavailable, match="unplugged"):
        repo.read_blob(BlobType.DATA, ids[0])


def test_blobs_of_all_sizes_come_back() -> None:
    store = RecordingStore()
    blobs = [os.urandom(size) for size in (0, 1, 1000, 3 << 20, 5 << 20, 9 << 20, 17)]
    blobs += [bytes(9 << 20), bytes(100)]
    repo = make_repo(store)
    ids = store_blobs(repo, *blobs)

    found, failures = read_all(reopen(store), ids)

    assert not failures
    assert found == dict(zip(ids, blobs, strict=True))


def test_the_size_of_each_blob_is_told() -> None:
    store = RecordingStore()
    ids = store_blobs(make_repo(store), b"one", b"twenty" * 100)

    assert reopen(store).data_sizes([*ids, BlobId(bytes(32))]) == [3, 600, None]
