"""Of what is there several times, prune does not leave the damaged copy alone."""

import os
from collections.abc import Mapping

import pytest

from bkp.errors import IntegrityError, NotFound
from bkp.events import Event, Notice, ignore
from bkp.formats.pack import BlobType
from bkp.ids import BlobId, blob_id
from bkp.ops.check.run import CheckOptions, check
from bkp.ops.check.subset import Everything
from bkp.ops.prune.options import PruneOptions
from bkp.ops.prune.result import PruneResult
from bkp.ops.prune.run import prune
from bkp.ops.repair.packs import repair_packs
from bkp.repo import locking
from bkp.repo.index import Place
from bkp.repo.repository import open_repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.store.base import Kind, ObjectName
from memoryrepo import Spec
from packed import flip, mark_all, object_of, save
from repos import PASSWORD, make_repo, reopen
from stores import FailingStore, objects

FILES: dict[bytes, bytes] = {b"a": os.urandom(1000), b"b": os.urandom(1000)}
A = blob_id(FILES[b"a"])


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FailingStore:
    monkeypatch.setattr(locking, "_SETTLE_SECONDS", 0)
    store = FailingStore()
    make_repo(store)
    return store


def save_anew(store: FailingStore, files: Mapping[bytes, Spec] = FILES) -> SavedSnapshot:
    """Store files and a snapshot of them as who does not know what is there."""
    return save(open_repository(store, PASSWORD), files)


def pruned(store: FailingStore) -> PruneResult:
    options = PruneOptions(max_unused=lambda _: 0, at_once=True)
    return prune(open_repository(store, PASSWORD), options, ignore)


def places(store: FailingStore, kind: BlobType, name: BlobId) -> list[Place]:
    return reopen(store).index.places(kind, name)


def damage(store: FailingStore, place: Place) -> None:
    flip(store, object_of(place.pack), place.blob.offset + 20)


def assert_refused(store: FailingStore, damaged: Place) -> None:
    """See that prune leaves everything, until the pack that is damaged is repaired."""
    before = {kind: set(objects(store, kind)) for kind in Kind}
    with pytest.raises(IntegrityError, match=f"bkp repair packs {damaged.pack.hex()}"):
        pruned(store)
    assert {kind: set(objects(store, kind)) for kind in Kind} == before

    repo = reopen(store)
    with repo.lock(exclusive=True) as lock:
        assert repair_packs(repo, lock, [damaged.pack], ignore).lost == []
    pruned(store)
    everything = CheckOptions(read=Everything())
    assert check(open_repository(store, PASSWORD), everything).faults == ()


def test_contents_whose_other_copy_is_damaged_stay(store: FailingStore) -> None:
    """The damaged copy is in the pack of which more is used, so it is the one that would count."""
    save_anew(store)
    (damaged,) = places(store, BlobType.DATA, A)
    save_anew(store, {b"a": FILES[b"a"]})
    damage(store, damaged)

    assert_refused(store, damaged)


def test_a_tree_whose_other_copy_is_damaged_stays(store: FailingStore) -> None:
    """As after a snapshot that stored anew what was damaged."""
    save_anew(store, {b"d": {b"a": b"content"}, b"e": {b"b": b"other"}})
    before = set(reopen(store).index.packs())
    root = save_anew(store, {b"a": b"content"}).snapshot.tree  # which `d` has as well
    (damaged,) = [one for one in places(store, BlobType.TREE, root) if one.pack in before]
    damage(store, damaged)

    assert_refused(store, damaged)


def test_a_marked_pack_from_which_was_read_stays(store: FailingStore) -> None:
    root = save_anew(store).snapshot.tree
    mark_all(reopen(store))
    save_anew(store)
    (damaged,) = places(store, BlobType.TREE, root)
    damage(store, damaged)

    assert_refused(store, damaged)


def test_damage_that_costs_nothing_yet_is_told_of_once(store: FailingStore) -> None:
    root = save_anew(store).snapshot.tree
    save_anew(store)
    first = places(store, BlobType.TREE, root)[0]
    damage(store, first)
    events: list[Event] = []
    repo = reopen(store, report=events.append)

    for _ in range(3):
        repo.load_tree(root)

    assert [first.pack.hex() in event.message for event in events if isinstance(event, Notice)] == [
        True
    ]


def test_a_snapshot_that_is_listed_but_not_found_is_not_gone(store: FailingStore) -> None:
    saved = save_anew(store)
    name = ObjectName(Kind.SNAPSHOT, saved.id.hex())
    store.fails = lambda verb, met: (
        NotFound(f"{met} does not exist") if (verb, met) == ("get", name) else None
    )

    with pytest.raises(IntegrityError, match=f"{name} is listed.*Nothing was changed"):
        pruned(store)

    assert len(set(objects(store, Kind.PACK))) == 2
