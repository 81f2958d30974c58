"""What prune frees, when, and that nothing that is needed goes."""

import os
from collections.abc import Callable, Iterator
from hashlib import sha256

import pytest

from bkp.errors import IntegrityError, Locked, Missing
from bkp.events import Event, Notice, Reporter, ignore
from bkp.formats.index import Writer, decode_index
from bkp.formats.pack import BlobType
from bkp.formats.snapshot import encode_snapshot
from bkp.ids import blob_id
from bkp.ops.check.run import CheckOptions, check
from bkp.ops.check.subset import Everything
from bkp.ops.commit import commit
from bkp.ops.prune.options import PruneOptions
from bkp.ops.prune.result import PruneResult
from bkp.ops.prune.run import prune
from bkp.processes import Process
from bkp.repo import locking
from bkp.repo.marks import Others, others
from bkp.repo.repository import Repository, RepositoryOptions, open_repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.store.base import Kind, ObjectName
from bkp.store.memory import MemoryStore
from memoryrepo import Spec
from packed import flip, mark_all, object_of, save
from repos import PASSWORD, make_repo, reopen
from stores import objects

SMALL_PACKS = RepositoryOptions(pack_size=64 << 10)
HOUR = 3600 * 10**9


class Repo:
    """A repository over time."""

    def __init__(self) -> None:
        self.store: MemoryStore = MemoryStore()
        self.time = 19 * 10**17  # in 2030
        make_repo(self.store, options=SMALL_PACKS)

    def open(self) -> Repository:
        return open_repository(self.store, PASSWORD, options=SMALL_PACKS)

    def save(self, **files: bytes) -> SavedSnapshot:
        tree: dict[bytes, Spec] = {name.encode(): data for name, data in files.items()}
        repo = self.open()
        repo.load_index()
        return save(repo, tree)

    def forget(self, saved: SavedSnapshot) -> None:
        self.open().snapshots.remove(saved.id)

    def prune(
        self, *, unused: float = 0, report: Reporter = ignore, **options: object
    ) -> PruneResult:
        chosen = PruneOptions(max_unused=lambda _: unused, **options)  # type: ignore[arg-type]
        return prune(self.open(), chosen, report, clock=lambda: self.time)

    def later(self, hours: int = 24) -> None:
        self.time += hours * HOUR

    def packs(self) -> set[ObjectName]:
        return set(objects(self.store, Kind.PACK))

    def assert_sound(self) -> None:
        result = check(self.open(), CheckOptions(read=Everything()))
        assert result.faults == ()


@pytest.fixture
def repo() -> Repo:
    return Repo()


def test_what_is_used_stays(repo: Repo) -> None:
    repo.save(a=os.urandom(100_000))
    before = dict(repo.store.scan(Kind.PACK)) | dict(repo.store.scan(Kind.INDEX))

    for _ in range(3):
        result = repo.prune()
        repo.later()

    assert (result.freed, result.pending, result.repacked) == (0, 0, 0)
    assert dict(repo.store.scan(Kind.PACK)) | dict(repo.store.scan(Kind.INDEX)) == before


def test_what_nothing_needs_is_marked_and_goes_a_day_later(repo: Repo) -> None:
    gone = repo.save(a=os.urandom(100_000))
    kept = repo.save(b=os.urandom(100_000))
    repo.forget(gone)
    before = repo.packs()

    first = repo.prune()

    assert repo.packs() == before
    assert (first.freed, first.pending_packs) == (0, 2)
    assert len(reopen(repo.store).index.packs()) == 2
    repo.assert_sound()
    repo.later(22)
    assert repo.prune().freed == 0
    repo.later(2)
    second = repo.prune()
    assert second.freed == first.pending
    assert len(repo.packs()) == 2
    repo.assert_sound()
    assert reopen(repo.store).load_tree(kept.snapshot.tree)


def test_a_run_that_changes_nothing_writes_nothing(repo: Repo) -> None:
    repo.forget(repo.save(a=os.urandom(100_000)))
    repo.save(b=b"kept")
    repo.prune()
    before = set(objects(repo.store, Kind.INDEX))

    repo.prune()

    assert set(objects(repo.store, Kind.INDEX)) == before


def test_partly_used_packs_are_repacked(repo: Repo) -> None:
    """Two small blobs share a pack, and one of them is not needed any more."""
    content = os.urandom(1000)
    both = repo.save(a=content, b=os.urandom(1000))
    repo.save(a=content)
    repo.forget(both)

    result = repo.prune()

    assert result.repacked > 0
    assert 0 < result.added < result.repacked
    repo.assert_sound()
    assert reopen(repo.store).read_blob(BlobType.DATA, blob_id(content)) == content
    repo.later()
    assert repo.prune().freed == result.pending
    repo.assert_sound()
    assert reopen(repo.store).read_blob(BlobType.DATA, blob_id(content)) == content


def test_unused_bytes_within_the_limit_stay(repo: Repo) -> None:
    big = os.urandom(70_000)
    both = repo.save(a=big, b=b"little")
    repo.save(a=big)
    repo.forget(both)

    result = repo.prune(unused=1_000_000)

    assert result.plan.kept_unused >= 0
    assert all(BlobType.TREE in pack.kinds or pack.size < 64 << 10 for pack in result.plan.repack)


def test_a_dry_run_changes_nothing(repo: Repo) -> None:
    repo.forget(repo.save(a=os.urandom(100_000)))
    before = {kind: dict(repo.store.scan(kind)) for kind in Kind}

    result = repo.prune(dry_run=True)

    assert result.pending > 100_000
    assert {kind: dict(repo.store.scan(kind)) for kind in Kind} == before


def test_at_once_frees_now_and_needs_to_be_alone(repo: Repo) -> None:
    repo.forget(repo.save(a=os.urandom(100_000)))
    repo.save(b=b"kept")
    with repo.open().lock(), pytest.raises(Locked):
        repo.prune(at_once=True)

    result = repo.prune(at_once=True)

    assert result.freed > 100_000
    assert result.pending == 0
    repo.assert_sound()
    assert not reopen(repo.store).marks()


def test_at_once_frees_what_was_marked_too(repo: Repo) -> None:
    repo.forget(repo.save(a=os.urandom(100_000)))
    repo.prune()

    assert repo.prune(at_once=True).freed > 100_000
    assert repo.packs() == set()


def test_what_another_prune_marks_meanwhile_stays_marked(repo: Repo) -> None:
    """Who relies on it, because he began before both, must find it."""
    repo.save(a=b"kept")
    repo.forget(repo.save(b=os.urandom(1000)))
    needed = repo.save(c=os.urandom(1000))
    who_began_before = reopen(repo.store)
    at_work = iter([True])

    def overtake(_: Event) -> None:
        if next(at_work, False):  # the index was loaded
            repo.forget(needed)
            repo.prune()

    with who_began_before.lock() as lock:
        repo.prune(report=overtake)
        commit(who_began_before, lock, needed.snapshot)

    repo.assert_sound()


class _Listing(MemoryStore):
    """Lists what is gone a moment later."""

    def __init__(self, objects: MemoryStore) -> None:
        super().__init__()
        self._objects = objects._objects
        self.meanwhile: Callable[[], object] | None = None

    def scan(self, kind: Kind) -> Iterator[tuple[ObjectName, int]]:
        found = list(super().scan(kind))
        if kind is Kind.INDEX and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return iter(found)


def test_another_prune_may_replace_the_index_at_the_same_time(repo: Repo) -> None:
    repo.save(a=b"kept")
    repo.forget(repo.save(b=os.urandom(1000)))
    store = repo.store = _Listing(repo.store)
    at_work = iter([True])

    def overtake_later(_: Event) -> None:
        if next(at_work, False):  # the index was loaded; it is listed again to be replaced
            store.meanwhile = repo.prune

    repo.prune(report=overtake_later)

    assert store.meanwhile is None
    repo.assert_sound()
    repo.later()
    assert repo.prune().freed > 1000


def test_a_marked_pack_that_is_needed_again_is_taken_back(repo: Repo) -> None:
    """A snapshot was taken by somebody who had not seen the marks."""
    saved = repo.save(a=os.urandom(100_000))
    repo.forget(saved)
    repo.prune()
    assert not reopen(repo.store).index.has(BlobType.TREE, saved.snapshot.tree)
    repo.open().snapshots.save(saved.snapshot)
    repo.assert_sound()
    repo.later(100)

    result = repo.prune()

    assert (result.freed, len(result.plan.rescue)) == (0, 2)
    assert reopen(repo.store).index.has(BlobType.TREE, saved.snapshot.tree)
    repo.assert_sound()


def test_what_was_stored_again_meanwhile_is_not_taken_back(repo: Repo) -> None:
    content = os.urandom(100_000)
    repo.forget(repo.save(a=content))
    repo.prune()
    repo.save(a=content)
    repo.later()

    result = repo.prune()

    assert result.freed > 100_000
    assert result.plan.rescue == []
    repo.assert_sound()


def test_packs_in_no_index_get_the_same_grace(repo: Repo) -> None:
    repo.save(a=os.urandom(100_000))
    for name in list(objects(repo.store, Kind.INDEX)):
        repo.store.delete(name)
    for name in list(objects(repo.store, Kind.SNAPSHOT)):
        repo.store.delete(name)
    repo.save(b=b"kept")

    first = repo.prune()
    assert (first.freed, len(first.plan.unindexed)) == (0, 2)
    repo.later()
    assert repo.prune().freed == first.pending
    repo.assert_sound()


def test_while_a_writer_from_before_is_there_nothing_it_may_rely_on_is_deleted(repo: Repo) -> None:
    repo.forget(repo.save(a=os.urandom(100_000)))
    with repo.open().lock():
        first = repo.prune()
        repo.later(1000)
        assert repo.prune().freed == 0
    assert repo.prune().freed == first.pending


def test_a_writer_that_came_later_is_in_nobodys_way(repo: Repo) -> None:
    repo.forget(repo.save(a=os.urandom(100_000)))
    first = repo.prune()
    repo.later()
    with repo.open().lock():
        assert repo.prune().freed == first.pending


def test_marks_of_others_say_nothing_of_writers_and_wait_for_one_run_more(repo: Repo) -> None:
    repo.forget(repo.save(a=os.urandom(100_000)))
    mark_all(repo.open())  # as rustic does

    assert repo.prune().freed == 0
    assert repo.prune().freed > 100_000


def test_marks_name_who_held_a_lock(repo: Repo) -> None:
    repo.forget(repo.save(a=os.urandom(100_000)))
    with repo.open().lock() as lock:
        repo.prune()
        assert lock.id
    (mark, *_) = reopen(repo.store).marks().values()
    assert mark.writers == frozenset({Writer(os.uname().nodename, os.getpid())})
    envelope = repo.open().envelope
    kinds = [
        bool(decode_index(envelope.open_file(repo.store.get(name))).packs_to_delete)
        for name in objects(repo.store, Kind.INDEX)
    ]
    assert kinds.count(True) == 1


def test_a_missing_blob_stops_everything(repo: Repo) -> None:
    repo.save(a=os.urandom(100_000))
    kept = dict(repo.store.scan(Kind.PACK))
    for name in list(objects(repo.store, Kind.INDEX)):
        repo.store.delete(name)
    with pytest.raises((Missing, IntegrityError)):
        repo.prune()
    assert dict(repo.store.scan(Kind.PACK)) == kept


@pytest.mark.parametrize(
    "harm",
    [
        lambda store, name: store.delete(name),
        lambda store, name: (store.delete(name), store.put(name, b"short")),
    ],
    ids=["missing", "cut"],
)
def test_a_needed_pack_that_is_not_there_stops_everything(
    repo: Repo, harm: Callable[[MemoryStore, ObjectName], None]
) -> None:
    content = os.urandom(100_000)
    repo.save(a=content)
    repo.forget(repo.save(b=os.urandom(100_000)))
    (place,) = reopen(repo.store).index.places(BlobType.DATA, blob_id(content))
    harm(repo.store, object_of(place.pack))
    before = {kind: dict(repo.store.scan(kind)) for kind in Kind}

    with pytest.raises(IntegrityError, match="Nothing was changed"):
        repo.prune()

    assert {kind: dict(repo.store.scan(kind)) for kind in Kind} == before


def test_a_damaged_blob_is_not_repacked_away(repo: Repo) -> None:
    content = os.urandom(1000)
    both = repo.save(a=content, b=os.urandom(1000))
    repo.save(a=content)
    repo.forget(both)
    (place,) = reopen(repo.store).index.places(BlobType.DATA, blob_id(content))
    flip(repo.store, object_of(place.pack), place.blob.offset + 20)
    before = repo.packs()

    with pytest.raises(IntegrityError):
        repo.prune()

    assert before <= repo.packs()
    assert len(reopen(repo.store).index.places(BlobType.DATA, blob_id(content))) == 1


def test_a_snapshot_that_cannot_be_read_stops_everything(repo: Repo) -> None:
    saved = repo.save(a=os.urandom(1000))
    flip(repo.store, ObjectName(Kind.SNAPSHOT, saved.id.hex()), 50)

    with pytest.raises(IntegrityError):
        repo.prune()


def test_snapshots_that_are_about_to_go_need_nothing(repo: Repo) -> None:
    saved = repo.save(a=os.urandom(100_000))
    options = PruneOptions(max_unused=lambda _: 0, dry_run=True)
    assert prune(repo.open(), options, ignore, without=[saved.id]).pending > 100_000


def test_copies_beyond_one_are_freed(repo: Repo) -> None:
    """Two runs at once store the same, each without harm."""
    content = os.urandom(100_000)
    one, other = repo.open(), repo.open()
    for each in (one, other):
        save(each, {b"a": content})
    assert len(repo.packs()) == 4

    repo.prune()
    repo.later()
    repo.prune()

    assert len(repo.packs()) == 2
    repo.assert_sound()


def test_many_small_packs_become_one(repo: Repo) -> None:
    for number in range(20):
        repo.save(**{f"f{number}": os.urandom(500)})
    assert len(repo.packs()) == 40

    result = repo.prune()

    assert len(result.plan.repack) == 40
    repo.later()
    repo.prune()
    assert len(repo.packs()) == 2
    repo.assert_sound()


def test_a_tree_that_cannot_be_read_stops_everything(repo: Repo) -> None:
    """Nobody knows what is needed below it."""
    saved = repo.save(a=os.urandom(100_000))
    (place,) = reopen(repo.store).index.places(BlobType.TREE, saved.snapshot.tree)
    flip(repo.store, object_of(place.pack), place.blob.offset + 20)
    before = {kind: dict(repo.store.scan(kind)) for kind in Kind}

    for at_once in (False, True):
        with pytest.raises(IntegrityError):
            repo.prune(at_once=at_once)

    assert {kind: dict(repo.store.scan(kind)) for kind in Kind} == before


class _Replacing(MemoryStore):
    """As snapshots are listed, one of them becomes another: tags are changed, say."""

    def __init__(self, objects: MemoryStore) -> None:
        super().__init__()
        self._objects = objects._objects
        self.old: ObjectName | None = None
        self.new: bytes | bytearray = b""
        self.lists_old = True

    def scan(self, kind: Kind) -> Iterator[tuple[ObjectName, int]]:
        found = list(super().scan(kind))
        if kind is Kind.SNAPSHOT and self.old is not None:
            self.put(ObjectName(kind, sha256(self.new).hexdigest()), self.new)
            self.delete(self.old)
            found = [one for one in found if self.lists_old or one[0] != self.old]
            self.old = None
        return iter(found)


@pytest.mark.parametrize("lists_old", [True, False])
def test_a_snapshot_that_is_just_being_replaced_is_not_missed(repo: Repo, lists_old: bool) -> None:
    saved = repo.save(a=os.urandom(100_000))
    envelope = repo.open().envelope
    store = _Replacing(repo.store)
    store.lists_old = lists_old
    store.new = envelope.seal_file(encode_snapshot(saved.snapshot))
    store.old = ObjectName(Kind.SNAPSHOT, saved.id.hex())
    repo.store = store

    result = repo.prune()

    assert store.old is None
    assert (result.snapshots, result.pending) == (1, 0)


def test_whoever_holds_a_lock_is_unknown_if_one_cannot_be_read(repo: Repo) -> None:
    opened = repo.open()
    assert others(repo.store, opened.envelope, "") == Others(frozenset(), strangers=False)
    with opened.lock():
        found = others(repo.store, opened.envelope, "")
        assert found.holders
        assert not found.strangers
    repo.store.put(ObjectName(Kind.LOCK, "00" * 32), b"garbage" * 10)
    assert others(repo.store, opened.envelope, "") == Others(None, strangers=True)


def test_nothing_is_marked_while_somebody_works_who_knows_no_marks(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """restic would take a snapshot for damaged that needs what is marked."""
    kept = repo.save(a=os.urandom(100_000))
    repo.forget(repo.save(b=os.urandom(100_000)))
    indexes = set(objects(repo.store, Kind.INDEX))
    events: list[Event] = []
    with monkeypatch.context() as patch:
        patch.setattr(locking, "this_process", lambda: Process("host", 1, ""))
        stranger = repo.open().lock()
        with stranger:
            patch.undo()
            options = PruneOptions(max_unused=lambda _: 0)
            result = prune(repo.open(), options, events.append, clock=lambda: repo.time)

    assert (result.pending, result.freed, result.plan.unused) == (0, 0, [])
    assert result.plan.kept_unused > 100_000
    assert [type(event) for event in events if isinstance(event, Notice)] == [Notice]
    assert set(objects(repo.store, Kind.INDEX)) == indexes
    assert repo.prune().pending > 100_000
    assert repo.open().snapshots.ids() == [kept.id]
