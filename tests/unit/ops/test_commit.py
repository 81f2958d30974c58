"""A snapshot is whole when it is stored, to restic's eyes too, although a prune came between."""

import os
from collections.abc import Callable

import pytest

from bkp.events import Event, Problem, ignore
from bkp.ops.check.run import CheckOptions, check
from bkp.ops.check.subset import Everything
from bkp.ops.commit import commit
from bkp.ops.copy import copy
from bkp.ops.prune.options import PruneOptions
from bkp.ops.prune.run import prune
from bkp.repo import locking
from bkp.repo.repository import Repository, open_repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.store.base import Kind, ObjectName
from bkp.store.memory import MemoryStore
from memoryrepo import Spec
from packed import save
from repos import PASSWORD, make_repo, reopen
from stores import objects


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "_SETTLE_SECONDS", 0)


def save_and_forget(store: MemoryStore, tree: dict[bytes, Spec]) -> SavedSnapshot:
    repo = reopen(store)
    saved = save(repo, tree)
    repo.snapshots.remove(saved.id)
    return saved


def prune_all(store: MemoryStore) -> None:
    prune(open_repository(store, PASSWORD), PruneOptions(max_unused=lambda _: 0), ignore)


def assert_whole_without_marks(store: MemoryStore) -> None:
    result = check(reopen(store), CheckOptions(read=Everything()))
    assert result.faults == ()
    assert "prune takes it back" not in str(result.hints)


class _Interrupted(MemoryStore):
    """In which something happens when packs are marked, but not out of the index yet."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] | None = None

    def delete(self, name: ObjectName) -> None:
        if name.kind is Kind.INDEX and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        super().delete(name)


def test_packs_that_were_marked_and_in_the_index_both_are_kept_in_it() -> None:
    store = _Interrupted()
    make_repo(store)
    needed = save_and_forget(store, {b"f": os.urandom(1000)})
    loaded: list[Repository] = []
    store.meanwhile = lambda: loaded.append(reopen(store))
    with reopen(store).lock() as lock:
        prune_all(store)
        commit(loaded[0], lock, needed.snapshot)

    assert_whole_without_marks(store)


def test_each_of_some_snapshots_that_are_copied_together_is_whole() -> None:
    """What the second needs was marked too before the first was stored."""
    source, target = MemoryStore(), MemoryStore()
    make_repo(source)
    make_repo(target)
    for name in (b"f", b"g"):
        tree: dict[bytes, Spec] = {name: os.urandom(1000)}
        save(reopen(source), tree)
        save_and_forget(target, tree)
    at_work = iter([True])

    def overtake(_: Event) -> None:
        if next(at_work, False):
            prune_all(target)

    from_, to = reopen(source), reopen(target)
    with to.lock() as lock:
        assert len(list(copy(from_, to, lock, from_.snapshots.load_all(), overtake))) == 2

    assert_whole_without_marks(target)


def test_a_snapshot_that_lost_what_it_needs_is_told_of() -> None:
    """Somebody took its writer for dead, marked what it relied on, and deleted that."""
    store = MemoryStore()
    make_repo(store)
    needed = save_and_forget(store, {b"f": os.urandom(1000)})
    events: list[Event] = []
    repo = reopen(store, report=events.append)
    with repo.lock() as lock:
        prune(open_repository(store, PASSWORD), PruneOptions(max_unused=lambda _: 0), ignore)
        for name in list(objects(store, Kind.PACK)):
            store.delete(name)
        saved = commit(repo, lock, needed.snapshot)

    (problem,) = [event for event in events if isinstance(event, Problem)]
    assert problem.path == f"snapshots/{saved.id.hex()}".encode()
