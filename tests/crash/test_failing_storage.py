"""A storage that fails now and then, or is full: nothing is lost, and it can be freed."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from bkp.errors import BkpError, Locked, StoreError, StoreFull, Unavailable
from bkp.events import Event, Notice, ignore
from bkp.library import snapshot
from bkp.ops.forget.run import remove_snapshots
from bkp.ops.prune.options import PruneOptions
from bkp.ops.prune.run import prune
from bkp.repo import locking, repository
from bkp.repo.repository import Repository, open_repository
from bkp.store.base import Kind, ObjectName
from changes import (
    CASES,
    FORGET_ONE,
    SMALL_PACKS,
    assert_kept,
    assert_sound,
    build_states,
    contents,
    opened,
    prepare,
    readable,
)
from repos import CHEAP, PASSWORD, make_repo
from stores import FullStore, never, objects

MOST = 25  # between two failures


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "_SETTLE_SECONDS", 0)
    monkeypatch.setattr(repository, "calibrate", lambda: CHEAP)


@pytest.fixture
def states(tmp_path: Path) -> list[Path]:
    return build_states(tmp_path)


def each(period: int) -> Callable[[str, ObjectName], Exception | None]:
    """Fail at every so-manieth operation."""
    done = 0

    def fails(verb: str, name: ObjectName) -> Exception | None:
        nonlocal done
        done += 1
        return Unavailable(f"cannot {verb} {name}") if done % period == 0 else None

    return fails


@pytest.mark.parametrize("name", CASES)
def test_every_so_manieth_operation_fails(name: str, states: list[Path]) -> None:
    """Reads and listings too, which an error must not make look as if nothing were there."""
    case = CASES[name]
    for period in range(1, MOST):
        store = prepare(states, case)
        kept = contents(store)[case.goes :]
        blobs = set() if case.frees else readable(store)
        repo = opened(store)
        store.fails = each(period)
        with suppress(BkpError):
            case.work(repo)
        store.fails = never

        opened(store).remove_locks(even_live=True)
        assert_kept(kept, contents(store))
        assert readable(store) >= blobs
        if not case.is_damaged:
            assert_sound(store)


def test_a_snapshot_on_a_storage_that_fails_now_and_then(states: list[Path]) -> None:
    for period in range(1, MOST):
        store = prepare(states, CASES["tag"])
        kept = contents(store)
        repo = opened(store)
        (states[0] / "new").write_bytes(bytes([period]) * 50_000)
        store.fails = each(period)
        with suppress(BkpError):
            snapshot(repo, [states[0]])
        store.fails = never

        opened(store).remove_locks(even_live=True)
        assert_kept(kept, contents(store))
        assert_sound(store)


class Full:
    """A repository of three snapshots on a storage that is full to the last byte."""

    def __init__(self, states: list[Path]) -> None:
        self.store = FullStore()
        self.events: list[Event] = []
        make_repo(self.store, options=SMALL_PACKS)
        for state in states:
            snapshot(self.open(), [state])
        CASES["repair index from all packs"].work(self.open())  # into one object

    def open(self) -> Repository:
        return open_repository(
            self.store,
            PASSWORD,
            options=SMALL_PACKS,
            report=self.events.append,
        )

    def prune(self, **options: bool) -> int:
        chosen = PruneOptions(max_unused=lambda _: 0, **options)
        return prune(self.open(), chosen, ignore).freed

    def free(self) -> int:
        return self.prune(at_once=True, no_free_space=True)

    def forget(self) -> None:
        repo = self.open()
        with repo.lock(do_without_room=True) as lock:
            newest = repo.snapshots.load_all()[-1]  # which has a pack of its own
            remove_snapshots(repo, lock, [newest.id], ignore)


@pytest.fixture
def full(states: list[Path]) -> Full:
    full = Full(states)
    full.store.fill()
    return full


def test_on_a_full_storage_nothing_is_begun(full: Full, states: list[Path]) -> None:
    before = {name for kind in Kind for name in objects(full.store, kind)}
    for work in (
        lambda: snapshot(full.open(), [states[0]]),
        full.prune,
        lambda: full.prune(at_once=True),
        lambda: FORGET_ONE(full.open()),
    ):
        with pytest.raises(StoreFull):
            work()
    assert {name for kind in Kind for name in objects(full.store, kind)} == before


def test_a_full_storage_can_be_freed(full: Full, states: list[Path]) -> None:
    kept = contents(full.store)[:-1]
    full.forget()
    full.store.fill()  # even what that freed is taken

    assert full.free() > 9000

    assert any(isinstance(event, Notice) and "no room" in event.message for event in full.events)
    assert_kept(kept, contents(full.store))
    assert_sound(full.store)
    assert list(objects(full.store, Kind.LOCK)) == []
    (states[0] / "new").write_bytes(b"small")
    assert snapshot(full.open(), [states[0]]).saved is not None


def test_what_no_index_names_goes_first(full: Full) -> None:
    """So there is room for a new index before the old one goes."""
    indexes = set(objects(full.store, Kind.INDEX))
    full.store.room += 5000
    full.store.put(ObjectName(Kind.PACK, "ab" * 32), bytes(5000))
    full.forget()
    full.store.fill()
    gone: list[ObjectName] = []
    delete = full.store.delete

    def note(name: ObjectName) -> None:
        gone.append(name)
        if name.kind is Kind.INDEX:
            assert set(objects(full.store, Kind.INDEX)) - indexes
        delete(name)

    full.store.delete = note  # type: ignore[method-assign]
    full.free()

    kinds = [name.kind for name in gone]
    assert kinds.index(Kind.PACK) < kinds.index(Kind.INDEX)
    assert_sound(full.store)


def test_nobody_is_worked_against_without_a_lock(full: Full) -> None:
    full.forget()
    full.store.room += 1000
    with full.open().lock():
        full.store.fill()
        with pytest.raises(Locked):
            full.free()


def test_an_index_that_could_not_be_stored_again_can_be_repaired(full: Full) -> None:
    """What is on disk if the emergency is stopped at its worst moment."""
    kept = contents(full.store)[:-1]
    full.forget()
    full.store.fill()
    put = full.store.put

    def stop(name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        if name.kind is Kind.INDEX and not list(objects(full.store, Kind.INDEX)):
            raise StoreError("stopped")
        put(name, data)

    full.store.put = stop  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="stopped"):
        full.free()
    full.store.put = put  # type: ignore[method-assign]
    assert list(objects(full.store, Kind.INDEX)) == []

    CASES["repair index"].work(full.open())

    assert_kept(kept, contents(full.store))
    assert_sound(full.store)
