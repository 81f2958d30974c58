"""Whatever is in a repository, under the right key, is worked with or named as damage.

Objects that no client would write, among those of a sound repository, before
everything that reads all of them.
"""

from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies as own
from bkp.errors import IntegrityError, Locked, UnsupportedFormat
from bkp.events import Event, Problem
from bkp.formats.config import encode_config
from bkp.formats.index import encode_index
from bkp.formats.keyfile import encode_keyfile
from bkp.formats.lock import encode_lock
from bkp.formats.pack import BlobType, encode_header, encode_trailer
from bkp.formats.snapshot import Snapshot, encode_snapshot
from bkp.formats.tree import encode_tree
from bkp.ids import blob_id
from bkp.ops.check.run import CheckOptions, check
from bkp.ops.check.subset import Everything
from bkp.ops.forget.policy import UNLIMITED, Period, Policy, decide
from bkp.repo.locking import list_locks
from bkp.repo.objects import read_object
from bkp.repo.repository import Repository, open_repository
from bkp.store.base import CONFIG, Kind, ObjectName
from bkp.store.memory import MemoryStore
from bkp.times import UTC
from changes import (
    NOW,
    assert_kept,
    contents,
    pruning,
    recover_trees,
    repair_all_snapshots,
    repair_damaged_packs,
    repairing_index,
    rewriting,
    tag,
)
from memoryrepo import File, Spec
from mutations import mangled, mangled_json
from packed import save
from repos import PASSWORD, make_repo, reopen, store_blobs
from stores import objects

_POLICY = Policy(hourly=1, weekly=2, yearly=UNLIMITED, within=Period(years=1, hours=5))

_packs = st.lists(own.indexed_packs, max_size=2)

DOCUMENTS = {
    Kind.INDEX: mangled_json(st.builds(encode_index, _packs, st.just(2), _packs)),
    Kind.SNAPSHOT: mangled_json(own.snapshots.map(encode_snapshot)),
    Kind.LOCK: mangled_json(own.locks.map(encode_lock)),
    Kind.KEY: mangled_json(own.keyfiles.map(encode_keyfile)),
    Kind.CONFIG: mangled_json(own.configs.map(encode_config)),
}
TREE: dict[bytes, Spec] = {b"f": b"f", b"d": {b"g": File((b"y" * 900, b"z"))}}
SOUND = {(b"/f", blob_id(b"f").hex()), (b"/d/g", blob_id(b"z").hex())}  # some of it

_headers = own.pack_contents.map(encode_header)


@pytest.fixture(scope="module", autouse=True)
def without_waiting() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bkp.repo.locking._SETTLE_SECONDS", 0)
        yield


@pytest.fixture(scope="module")
def sound(without_waiting: None) -> MemoryStore:  # noqa: ARG001
    store = MemoryStore()
    save(make_repo(store), TREE)
    return store


def copied(store: MemoryStore) -> MemoryStore:
    copy = MemoryStore()
    for kind in Kind:
        for name, _ in store.scan(kind):
            copy.put(name, store.get(name))
    return copy


def put(repo: Repository, kind: Kind, data: bytes) -> None:
    """Store an object whatever is in it, under the name it must have."""
    if kind is Kind.CONFIG:
        repo.store.delete(CONFIG)
        repo.store.put(CONFIG, repo.envelope.seal_raw(data))
        return
    stored = data if kind in {Kind.KEY, Kind.PACK} else bytes(repo.envelope.seal_file(data))
    repo.store.put(ObjectName(kind, sha256(stored).hexdigest()), stored)


def use(store: MemoryStore) -> None:
    """Do what reads everything, as somebody who has just come."""
    events: list[Event] = []
    try:
        repo = open_repository(store, PASSWORD, report=events.append)
    except (IntegrityError, UnsupportedFormat):
        return
    decide(repo.snapshots.load_all(), _POLICY, NOW, UTC)
    for lock in list_locks(store, repo.envelope):
        assert isinstance(lock.is_stale(), bool)
        assert str(lock) + lock.death()
    for kind in ("key", "lock", "snapshot", "index"):
        for name in objects(store, Kind[kind.upper()]):
            with suppress(IntegrityError):
                read_object(repo, kind, name.id)
    with suppress(Locked):
        faults = check(repo, CheckOptions(read=Everything())).faults
        assert faults or not any(isinstance(event, Problem) for event in events)


WORKS = {
    "tag": tag,
    "rewrite": rewriting(forget=True),
    "repair index": repairing_index(read_all=True),
    "repair packs": repair_damaged_packs,
    "repair snapshots": repair_all_snapshots,
    "recover": recover_trees,
    "mark": pruning(NOW),
    "delete": pruning(NOW, at_once=True),
}
works = st.sampled_from(list(WORKS))


def change(store: MemoryStore, work: str) -> None:
    """Do some work, after which what there is of the sound snapshot is still there."""
    with suppress(IntegrityError, UnsupportedFormat):
        before = contents(store)
        with suppress(IntegrityError, UnsupportedFormat, Locked):
            WORKS[work](open_repository(store, PASSWORD))
        assert_kept([held for held in before if held >= SOUND], contents(store))


@pytest.mark.parametrize("kind", DOCUMENTS)
@given(st.data())
def test_any_document_is_worked_with_or_named(
    sound: MemoryStore, kind: Kind, data: st.DataObject
) -> None:
    store = copied(sound)
    put(reopen(store), kind, data.draw(DOCUMENTS[kind]))

    use(store)
    change(store, data.draw(works))


@given(mangled_json(own.trees.map(encode_tree)), works)
def test_so_is_any_tree(sound: MemoryStore, tree: bytes, work: str) -> None:
    store = copied(sound)
    repo = reopen(store)
    (root,) = store_blobs(repo, tree, kind=BlobType.TREE)
    repo.snapshots.save(Snapshot(time="2026-01-02T03:04:05Z", tree=root, paths=("/",)))

    use(store)
    change(store, work)


@given(_headers | mangled(_headers), st.sampled_from([0, 0, 0, -4, 4]), works)
def test_so_is_any_pack(sound: MemoryStore, header: bytes, more: int, work: str) -> None:
    store = copied(sound)
    repo = reopen(store)
    sealed = repo.envelope.seal_raw(header)
    put(repo, Kind.PACK, b"blobs" + sealed + encode_trailer(len(sealed) + more))

    use(store)
    change(store, work)
