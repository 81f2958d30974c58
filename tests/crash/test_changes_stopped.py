"""Commands that change a repository, stopped at any operation: nothing is lost, and all go on.

Each is stopped before its n-th change of the store, for every n, once as by an
error that passes and once as by death.  What was there before must be there
then, and running it again must bring it to its end.  The real restic looks at
one of the states each leaves behind.
"""

from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from bkp.errors import StoreError
from bkp.events import ignore
from bkp.library import restore, snapshot
from bkp.ops.copy import copy
from bkp.repo import locking, repository
from bkp.repo.repository import Repository
from bkp.store.base import Kind
from bkp.store.local import LocalStore
from bkp.store.memory import MemoryStore
from changes import (
    CASES,
    SMALL_PACKS,
    Case,
    assert_kept,
    assert_sound,
    build_states,
    contents,
    opened,
    prepare,
    readable,
    tag,
)
from repos import CHEAP, PASSWORD, make_repo, reopen
from restic import Restic
from stores import FailingStore, Stopping, never, objects
from trees import describe

CHANGES = {"put", "delete", "replace"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "_SETTLE_SECONDS", 0)  # nobody else is there
    monkeypatch.setattr(repository, "calibrate", lambda: CHEAP)


@pytest.fixture
def states(tmp_path: Path) -> list[Path]:
    return build_states(tmp_path)


@pytest.mark.parametrize("for_good", [False, True], ids=["fails once", "dies"])
@pytest.mark.parametrize("name", CASES)
def test_at_every_change(name: str, for_good: bool, states: list[Path], tmp_path: Path) -> None:
    case = CASES[name]
    for changes in count():
        store = prepare(states, case)
        kept = contents(store)[case.goes :]
        blobs = set() if case.frees else readable(store)
        stop = store.fails = Stopping(changes, CHANGES, for_good=for_good)
        with suppress(StoreError):
            case.work(opened(store))
        store.fails = never

        opened(store).remove_locks(even_live=True)  # of a process that is gone
        assert_kept(kept, contents(store))
        assert readable(store) >= blobs
        if not case.is_damaged:
            assert_sound(store)
        if changes == case.least // 2 and not case.is_damaged:
            assert_sound_to_restic(store, tmp_path)
        case.work(opened(store))
        if name != "repair packs":  # after which snapshots are repaired
            assert_sound(store)
        assert_kept(kept, contents(store))
        if not stop.was_met:
            break
    assert changes >= case.least


def assert_sound_to_restic(store: FailingStore, tmp_path: Path) -> None:
    copy_of = LocalStore.create(tmp_path / "repo")
    for kind in Kind:
        for name in objects(store, kind):
            copy_of.put(name, store.get(name))
    Restic(tmp_path / "repo", tmp_path / "cache", PASSWORD).check()


@pytest.mark.parametrize("for_good", [False, True], ids=["fails once", "dies"])
def test_a_copy_at_every_change(states: list[Path], for_good: bool, tmp_path: Path) -> None:
    source = reopen(prepare(states, Case(tag)))
    for changes in count():
        store = FailingStore()
        make_repo(store, options=SMALL_PACKS)
        snapshot(opened(store), [states[1]])
        stop = store.fails = Stopping(changes, CHANGES, for_good=for_good)
        with suppress(StoreError):
            copy_all(source, store)
        store.fails = never

        opened(store).remove_locks(even_live=True)
        assert_sound(store)
        if changes == 3:
            assert_sound_to_restic(store, tmp_path)
        copy_all(source, store)
        assert_sound(store)
        assert len(opened(store).snapshots.ids()) == 4
        if not stop.was_met:
            break
    assert changes >= 8
    for number, state in enumerate(states):
        repo = reopen(store)
        saved = next(
            one for one in repo.snapshots.load_all() if one.snapshot.paths == (str(state),)
        )
        target = tmp_path / f"back {number}"
        assert restore(repo, f"{saved.id.hex()}:{state}", target).problems == 0
        assert describe(target) == describe(state)


def copy_all(source: Repository, store: MemoryStore) -> None:
    target = opened(store)
    with target.lock() as lock:
        target.load_index()
        list(copy(source, target, lock, source.snapshots.load_all(), ignore))
