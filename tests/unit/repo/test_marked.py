"""Packs that are marked to be deleted: read if need be, relied on never."""

from pathlib import Path

import pytest

from bkp.errors import Missing
from bkp.formats.index import IndexedPack, encode_index
from bkp.formats.pack import BlobType
from bkp.ids import BlobId, PackId, blob_id
from bkp.library import restore, snapshot
from bkp.ops.check.run import CheckOptions, check
from bkp.ops.check.subset import Everything
from bkp.repo.repository import RepositoryOptions, open_repository
from bkp.store.base import Kind
from bkp.store.memory import MemoryStore
from packed import mark_all, put_index, replace
from repos import PASSWORD, make_repo, reopen, store_blobs
from stores import objects
from trees import build, describe


def test_blobs_of_marked_packs_can_be_read_and_are_not_relied_on() -> None:
    store = MemoryStore()
    repo = make_repo(store)
    one, other = store_blobs(repo, b"content", b"more")
    mark_all(repo)

    again = reopen(store)

    assert not again.index.has(BlobType.DATA, one)
    assert again.read_blob(BlobType.DATA, one) == b"content"
    assert again.data_sizes([one, other, blob_id(b"none")]) == [7, 4, None]
    assert again.data_size(other) == 4
    found: dict[BlobId, bytes] = {}

    def take(names: list[BlobId], data: memoryview, pieces: list[tuple[int, int]]) -> None:
        for name, (offset, length) in zip(names, pieces, strict=True):
            found[name] = bytes(data[offset : offset + length])

    missing = again.read_blobs([one, other, blob_id(b"none")], take)
    assert found == {one: b"content", other: b"more"}
    assert list(missing) == [blob_id(b"none")]
    assert store_blobs(again, b"content") == [one]
    assert reopen(store).index.has(BlobType.DATA, one)


def test_a_snapshot_in_marked_packs_restores_checks_and_is_stored_anew(tmp_path: Path) -> None:
    store = MemoryStore()
    source = build(tmp_path / "src", {"file": b"content", "d": {"e": b"other" * 1000}})
    repo = make_repo(store)
    first = snapshot(repo, [source]).saved
    assert first is not None
    mark_all(repo)

    assert restore(reopen(store), f"latest:{tmp_path}/src", tmp_path / "1").problems == 0
    assert describe(tmp_path / "1") == describe(tmp_path / "src")
    result = check(open_repository(store, PASSWORD), CheckOptions(read=Everything()))
    assert result.faults == ()
    assert "prune takes it back" in str(result.hints)
    assert not result.needs_index

    snapshot(reopen(store), [source])

    repo.snapshots.remove(first.id)
    for marked in list(objects(store, Kind.INDEX)):
        if b"packs_to_delete" in repo.envelope.open_file(store.get(marked)):
            store.delete(marked)
    result = check(open_repository(store, PASSWORD), CheckOptions(read=Everything()))
    assert result.faults == ()


def test_a_marked_pack_that_is_gone_is_missing() -> None:
    store = MemoryStore()
    repo = make_repo(store)
    (name,) = store_blobs(repo, b"content")
    mark_all(repo)
    for pack in list(objects(store, Kind.PACK)):
        store.delete(pack)

    with pytest.raises(Missing):
        reopen(store).read_blob(BlobType.DATA, name)


def test_another_copy_is_read_if_the_relied_on_one_is_damaged() -> None:
    store = MemoryStore()
    repo = make_repo(store)
    (name,) = store_blobs(repo, b"content")
    mark_all(repo)
    before = set(objects(store, Kind.PACK))
    store_blobs(reopen(store), b"content")
    (new,) = set(objects(store, Kind.PACK)) - before
    replace(store, new, bytes(len(store.get(new))))

    assert reopen(store).read_blob(BlobType.DATA, name) == b"content"


@pytest.mark.parametrize("apart", [True, False])
def test_marks_are_known_beside_a_cached_index(tmp_path: Path, apart: bool) -> None:
    """A cached index that held packs of an object it does not name would outlive the object."""
    store = MemoryStore()
    repo = make_repo(store)
    (marked,) = store_blobs(repo, b"marked")
    mark_all(repo, apart=apart)
    many = [b"%d" % number for number in range(20_000)]
    relied = store_blobs(repo, *many)
    options = RepositoryOptions(cache=tmp_path / "cache")

    for _ in range(3):
        again = reopen(store, options=options)
        assert again.read_blob(BlobType.DATA, marked) == b"marked"
        assert not again.index.has(BlobType.DATA, marked)
        assert all(again.index.has_each(BlobType.DATA, b"".join(relied)))
    assert len(list((tmp_path / "cache").rglob("blobs"))) == apart


def test_what_no_object_names_any_more_is_forgotten_when_loading_again() -> None:
    """It may have been deleted since; to rely on it would lose data."""
    store = MemoryStore()
    repo = make_repo(store)
    (name,) = store_blobs(repo, b"content")
    repo.load_index()
    assert repo.index.has(BlobType.DATA, name)
    for index in list(objects(store, Kind.INDEX)):
        store.delete(index)
    put_index(repo, encode_index([IndexedPack(PackId(bytes(32)), [])], 2))

    repo.load_index()

    assert not repo.index.has(BlobType.DATA, name)
