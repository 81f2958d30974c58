"""Copies are whole, are made once, and leave the source alone."""

import os
from dataclasses import replace

import pytest

from bkp.errors import UsageError
from bkp.events import Event, Problem, Reporter, ignore
from bkp.formats.pack import BlobType
from bkp.ids import BlobId, blob_id
from bkp.ops.check.run import CheckOptions, check
from bkp.ops.check.subset import Everything
from bkp.ops.copy import Copied, copy
from bkp.repo import locking
from bkp.repo.repository import Repository, open_repository
from bkp.store.base import Kind
from bkp.store.memory import MemoryStore
from memoryrepo import File, Spec
from packed import flip, object_of, pack_of, save
from repos import PASSWORD, make_repo, reopen
from stores import RecordingStore, objects

TREE: dict[bytes, Spec] = {
    b"d": {b"f": File((b"one", b"two")), b"same": b"one"},
    b"g": os.urandom(9000),
}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "_SETTLE_SECONDS", 0)


@pytest.fixture
def source() -> Repository:
    return make_repo(MemoryStore())


@pytest.fixture
def target() -> RecordingStore:
    store = RecordingStore()
    make_repo(store)
    return store


def copied(source: Repository, target: MemoryStore, report: Reporter = ignore) -> list[Copied]:
    from_, to = open_repository(source.store, PASSWORD), reopen(target)
    from_.load_intact_index()
    with from_.reading(), to.lock() as lock:
        return list(copy(from_, to, lock, from_.snapshots.load_all(), report))


def assert_sound(store: MemoryStore) -> None:
    result = check(open_repository(store, PASSWORD), CheckOptions(read=Everything()))
    assert result.faults == ()


@pytest.mark.parametrize("version", [1, 2])
def test_a_copy_has_the_same_trees_and_its_own_packs(target: RecordingStore, version: int) -> None:
    source = make_repo(MemoryStore(), version=version)
    more = TREE | {b"more": b"of it"}
    saved = [save(source, TREE), save(source, more, time="2026-02-03T04:05:06Z", host="other")]
    child = replace(saved[1].snapshot, time="2026-03-03T04:05:06Z", parent=saved[1].id)
    saved.append(source.snapshots.save(child))

    result = copied(source, target)

    assert [one.source for one in result] == saved
    for one in result:
        before, after = one.source.snapshot, one.target.snapshot
        assert after == replace(before, original=one.source.id, parent=None)
        assert not one.was_there
    assert_sound(target)
    packs = [{name for name, _ in store.scan(Kind.PACK)} for store in (source.store, target)]
    assert not packs[0] & packs[1]


def test_contents_come_before_trees_and_both_before_snapshots(
    source: Repository, target: RecordingStore
) -> None:
    save(source, TREE)
    del target.log[:]

    copied(source, target)

    assert [kind for kind in target.kinds() if kind is not Kind.LOCK] == [
        Kind.PACK,
        Kind.INDEX,
        Kind.SNAPSHOT,
    ]
    repo = reopen(target)
    packs = [name.id for verb, name in target.log if (verb, name.kind) == ("put", Kind.PACK)]
    data = packs.index(pack_of(repo, blob_id(b"one")).hex())
    (saved,) = repo.snapshots.load_all()
    assert data < packs.index(pack_of(repo, saved.snapshot.tree, BlobType.TREE).hex())


def test_what_was_copied_is_not_copied_again(source: Repository, target: RecordingStore) -> None:
    save(source, TREE)
    (first,) = copied(source, target)
    packs = set(objects(target, Kind.PACK))

    (again,) = copied(source, target)

    assert again == first._replace(was_there=True)
    assert len(reopen(target).snapshots.ids()) == 1
    assert set(objects(target, Kind.PACK)) == packs


def test_a_copy_of_a_copy_is_known_to_its_origin(
    source: Repository, target: RecordingStore
) -> None:
    saved = save(source, TREE)
    copied(source, target)
    third = MemoryStore()
    make_repo(third)

    (onward,) = copied(reopen(target), third)
    (back,) = copied(reopen(third), source.store)  # type: ignore[arg-type]

    assert onward.target.snapshot.original == saved.id
    assert (back.target, back.was_there) == (saved, True)


def test_a_snapshot_that_was_tagged_since_is_another(
    source: Repository, target: RecordingStore
) -> None:
    saved = save(source, TREE)
    copied(source, target)
    source.snapshots.save(replace(saved.snapshot, tags=("new",), original=saved.id))
    source.snapshots.remove(saved.id)

    (again,) = copied(source, target)

    assert not again.was_there
    assert len(reopen(target).snapshots.ids()) == 2


def test_only_what_is_not_there_is_read_and_stored(target: RecordingStore) -> None:
    save(reopen(target), {b"here": b"one", b"too": b"two"})
    store = RecordingStore()
    source = make_repo(store)
    saved = save(source, {b"d": {b"f": File((b"one", b"two"))}})
    trees = pack_of(source, saved.snapshot.tree, BlobType.TREE).hex()

    copied(source, target)

    read = {name.id for name, _, _ in store.reads if name.kind is Kind.PACK}
    assert read == {trees}
    repo = reopen(target)
    assert len(repo.index.places(BlobType.DATA, blob_id(b"one"))) == 1


@pytest.mark.parametrize("kind", BlobType)
def test_a_snapshot_that_is_damaged_is_not_copied_and_others_are(
    source: Repository, target: RecordingStore, kind: BlobType
) -> None:
    """Nor is what they share with it taken for copied with it."""
    shared = {b"d": TREE[b"d"], b"g": TREE[b"g"]}
    only_bad: dict[bytes, Spec] = {b"z": {b"lost": b"content"}}
    trees: list[dict[bytes, Spec]] = [{b"first": b"of all"}, shared | only_bad, shared]
    saved = [save(source, tree, time=f"2026-01-0{n}T00:00:00Z") for n, tree in enumerate(trees, 1)]
    (node,) = [node for node in source.load_tree(saved[1].snapshot.tree) if node.name == b"z"]
    lost = {
        BlobType.DATA: blob_id(b"content"),
        BlobType.TREE: BlobId(bytes.fromhex(node.subtree)),
    }[kind]
    (place,) = source.index.places(kind, lost)
    flip(source.store, object_of(place.pack), place.blob.offset + 20)
    events: list[Event] = []

    result = copied(source, target, events.append)

    assert [one.source for one in result] == [saved[0], saved[2]]
    (problem,) = [event for event in events if isinstance(event, Problem)]
    assert problem.path.decode() == f"snapshots/{saved[1].id.hex()}"
    assert lost.hex() in problem.message
    assert_sound(target)
    flip(source.store, object_of(place.pack), place.blob.offset + 20)
    assert [one.was_there for one in copied(source, target)] == [True, True, False]
    assert_sound(target)


def test_what_an_intact_index_names_is_copied(source: Repository, target: RecordingStore) -> None:
    """A copy may be the last rescue."""
    saved = save(source, TREE)
    before = set(objects(source.store, Kind.INDEX))  # type: ignore[arg-type]
    save(source, {b"other": b"snapshot"})
    (damaged,) = set(objects(source.store, Kind.INDEX)) - before  # type: ignore[arg-type]
    flip(source.store, damaged, 40)

    (one,) = copied(source, target)

    assert one.source == saved
    assert_sound(target)


def test_a_repository_is_not_copied_into_itself(source: Repository) -> None:
    with pytest.raises(UsageError):
        copied(source, source.store)  # type: ignore[arg-type]


def test_many_snapshots_are_copied_into_few_packs(
    source: Repository, target: RecordingStore
) -> None:
    for number in range(20):
        save(source, {b"f": b"%d" % number}, time=f"2026-01-{number + 1:02}T00:00:00Z")

    assert len(copied(source, target)) == 20

    assert len(set(objects(target, Kind.PACK))) <= 4
    assert_sound(target)
