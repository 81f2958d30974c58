"""What is stored, once, in which order, and what is left when it fails."""

import os
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest

from bkp.errors import Missing, StoreError, StoreFull
from bkp.formats.pack import BlobType
from bkp.ids import blob_id, is_id
from bkp.repo.repository import Repository, RepositoryOptions
from bkp.repo.writer import BlobWriter
from bkp.store.base import Kind, ObjectName
from bkp.store.local import LocalStore
from repos import make_repo, reopen, store_blobs
from stores import FailingStore, RecordingStore, objects

SMALL_PACKS = RepositoryOptions(pack_size=64 << 10)


def write_random(repo: Repository, count: int, then: BaseException | None = None) -> None:
    with repo.lock() as lock, repo.blob_writer(lock) as writer:
        for _ in range(count):
            writer.write(BlobType.DATA, os.urandom(16 << 10))
        if then is not None:
            raise then


def test_a_blob_is_stored_once_however_often_it_is_written() -> None:
    store = RecordingStore()
    repo = make_repo(store)

    with repo.lock() as lock, repo.blob_writer(lock) as writer:
        first = writer.write(BlobType.DATA, b"content")
        second = writer.write(BlobType.DATA, b"content")

    assert (first.is_new, second.is_new) == (True, False)
    assert first.new_bytes == 7
    assert len(list(store.scan(Kind.PACK))) == 1


def test_what_another_run_stored_is_known() -> None:
    store = RecordingStore()
    store_blobs(make_repo(store), b"content")
    repo = reopen(store)

    with repo.lock() as lock, repo.blob_writer(lock) as writer:
        assert not writer.write(BlobType.DATA, b"content").is_new

    assert len(list(store.scan(Kind.PACK))) == 1
    assert len(list(store.scan(Kind.INDEX))) == 1


def test_data_and_tree_of_the_same_bytes_are_two_blobs() -> None:
    repo = make_repo(RecordingStore())

    with repo.lock() as lock, repo.blob_writer(lock) as writer:
        assert writer.write(BlobType.DATA, b"same").is_new
        assert writer.write(BlobType.TREE, b"same").is_new


def test_packs_are_durable_before_the_index_and_data_before_trees() -> None:
    store = RecordingStore()
    repo = make_repo(store)
    store.log.clear()

    with repo.lock() as lock, repo.blob_writer(lock) as writer:
        tree = writer.write(BlobType.TREE, b"tree")
        data = writer.write(BlobType.DATA, b"data")

    order = [name for verb, name in store.log if verb == "put" and name.kind is not Kind.LOCK]
    assert [name.kind for name in order] == [Kind.PACK, Kind.PACK, Kind.INDEX]
    places = reopen(store).index.places
    assert places(BlobType.DATA, data.id)[0].pack.hex() == order[0].id
    assert places(BlobType.TREE, tree.id)[0].pack.hex() == order[1].id


def test_a_full_pack_is_stored_while_the_run_goes_on() -> None:
    store = RecordingStore()
    repo = make_repo(store, options=SMALL_PACKS)

    with repo.lock() as lock, repo.blob_writer(lock) as writer:
        for _ in range(20):
            writer.write(BlobType.DATA, os.urandom(16 << 10))
        before_leaving = len(list(store.scan(Kind.PACK)))

    assert before_leaving >= 1
    assert len(list(store.scan(Kind.INDEX))) == 1


def test_blobs_written_by_many_threads_are_all_there() -> None:
    store = RecordingStore()
    repo = make_repo(store, options=SMALL_PACKS)
    blobs = [os.urandom(3000) for _ in range(200)]

    with repo.lock() as lock, repo.blob_writer(lock) as writer:

        def work(share: list[bytes]) -> None:
            for blob in share:
                writer.write(BlobType.DATA, blob)

        threads = [threading.Thread(target=work, args=(blobs[n::3] + blobs[:9],)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    again = reopen(store)
    assert all(again.read_blob(BlobType.DATA, blob_id(blob)) == blob for blob in blobs)
    assert len(again.index) == 200


def test_a_failing_store_ends_the_run_and_what_was_stored_is_indexed() -> None:
    store = FailingStore()
    repo = make_repo(store, options=SMALL_PACKS)
    stored: list[ObjectName] = []

    def third_pack_fails(verb: str, name: ObjectName) -> Exception | None:
        if verb != "put" or name.kind is not Kind.PACK:
            return None
        if len(stored) == 2:
            return StoreFull("no space")
        stored.append(name)
        return None

    store.fails = third_pack_fails

    with pytest.raises(StoreFull):
        write_random(repo, 100)

    store.fails = lambda _verb, _name: None
    again = reopen(store)
    assert {pack.hex() for pack in again.index.packs()} == {name.id for name in stored}
    assert list(store.scan(Kind.LOCK)) == []


def test_a_failure_at_the_very_end_is_raised() -> None:
    store = FailingStore()
    repo = make_repo(store)
    store.fails = lambda verb, name: (
        StoreError("broken") if verb == "put" and name.kind is Kind.INDEX else None
    )

    with pytest.raises(StoreError, match="broken"):
        store_blobs(repo, b"content")


def test_an_exception_of_the_caller_still_publishes_what_is_stored() -> None:
    store = RecordingStore()
    repo = make_repo(store, options=SMALL_PACKS)

    with pytest.raises(KeyboardInterrupt):
        write_random(repo, 20, then=KeyboardInterrupt())

    packs = {name.id for name, _ in store.scan(Kind.PACK)}
    assert packs
    assert {pack.hex() for pack in reopen(store).index.packs()} == packs


@pytest.mark.parametrize("version", [1, 2])
def test_blobs_come_back_in_both_versions(version: int) -> None:
    store = RecordingStore()
    repo = make_repo(store, version=version)
    blobs = [b"", b"x", b"text " * 1000, os.urandom(5000)]

    ids = store_blobs(repo, *blobs)

    again = reopen(store)
    assert [again.read_blob(BlobType.DATA, name) for name in ids] == blobs
    compressed = [place.blob.raw_length > 0 for place in again.index.all_places()]
    assert any(compressed) == (version == 2)


def test_a_blob_nobody_stored_is_missing() -> None:
    with pytest.raises(Missing, match="no index"):
        make_repo(RecordingStore()).read_blob(BlobType.DATA, blob_id(b"nothing"))


def test_a_distrusted_blob_is_stored_anew() -> None:
    store = RecordingStore()
    (name,) = store_blobs(make_repo(store), b"content")
    store.delete(next(objects(store, Kind.PACK)))
    repo = reopen(store)
    repo.index.distrust(BlobType.DATA, name)

    store_blobs(repo, b"content")

    assert repo.read_blob(BlobType.DATA, name) == b"content"
    assert reopen(store).read_blob(BlobType.DATA, name) == b"content"


def test_the_index_is_saved_at_50_000_blobs_while_the_run_goes_on() -> None:
    store = RecordingStore()
    repo = make_repo(store, options=SMALL_PACKS)

    with repo.lock() as lock, repo.blob_writer(lock) as writer:
        for number in range(60_000):
            writer.write(BlobType.DATA, b"%d" % number)
        before_leaving = len(list(store.scan(Kind.INDEX)))

    assert before_leaving == 1
    assert len(list(store.scan(Kind.INDEX))) == 2
    assert len(reopen(store).index) == 60_000


def test_a_failure_while_leaving_still_publishes_what_is_stored() -> None:
    store = FailingStore()
    repo = make_repo(store, options=SMALL_PACKS)

    def fill_then_break(writer: BlobWriter) -> None:
        for _ in range(20):
            writer.write(BlobType.DATA, os.urandom(16 << 10))
        store.fails = lambda verb, name: (
            StoreFull("no space") if verb == "put" and name.kind is Kind.PACK else None
        )

    with pytest.raises(StoreFull), repo.lock() as lock, repo.blob_writer(lock) as writer:
        fill_then_break(writer)

    store.fails = lambda _verb, _name: None
    packs = {name.id for name, _ in store.scan(Kind.PACK)}
    assert packs
    assert {pack.hex() for pack in reopen(store).index.packs()} == packs


@pytest.mark.parametrize("then", [None, KeyboardInterrupt(), StoreError("broken")])
def test_only_objects_are_left(tmp_path: Path, then: BaseException | None) -> None:
    store = LocalStore.create(tmp_path / "repo")
    repo = make_repo(store, options=SMALL_PACKS)

    with nullcontext() if then is None else pytest.raises(type(then)):
        write_random(repo, 3)  # which are joined
        write_random(repo, 21, then)

    files = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert [name for name in files if not is_id(name)] == ["config"]
