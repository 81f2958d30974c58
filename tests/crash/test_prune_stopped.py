"""Forgetting and pruning that are stopped at any operation harm nothing, and can be run again."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bkp.errors import StoreError
from bkp.events import ignore
from bkp.library import restore, snapshot
from bkp.ops.check.run import CheckOptions, check
from bkp.ops.check.subset import Everything
from bkp.ops.forget.run import remove_snapshots
from bkp.ops.prune.options import PruneOptions
from bkp.ops.prune.run import prune
from bkp.repo import locking
from bkp.repo.repository import Repository, RepositoryOptions, open_repository
from bkp.store.base import Store
from repos import PASSWORD, make_repo, reopen
from stores import FailingStore, Stopping, never
from trees import build, describe

SMALL_PACKS = RepositoryOptions(pack_size=64 << 10)
DAY = 24 * 3600 * 10**9
NOW = 19 * 10**17


Work = Callable[[Repository], None]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "_SETTLE_SECONDS", 0)  # nobody else is there


def opened(store: Store) -> Repository:
    return open_repository(store, PASSWORD, options=SMALL_PACKS)


def forget_oldest(repo: Repository) -> None:
    with repo.lock() as lock:
        oldest = repo.snapshots.load_all()[0]
        if remove_snapshots(repo, lock, [oldest.id], ignore) != [oldest.id]:
            raise StoreError("it is still there")


def pruning(at: int, *, at_once: bool = False) -> Work:
    def work(repo: Repository) -> None:
        options = PruneOptions(max_unused=lambda _: 0, at_once=at_once)
        prune(repo, options, ignore, clock=lambda: at)

    return work


def prepare(tmp_path: Path, before: list[Work]) -> FailingStore:
    """Make a repository of three snapshots that share some of their packs."""
    store = FailingStore()
    make_repo(store, options=SMALL_PACKS)
    for number in range(3):
        state = tmp_path / f"state-{number}"
        if not state.exists():
            files: dict[str | bytes, Any] = {
                name: Random(name).randbytes(9000) for name in "abcdefgh"[number : number + 5]
            }
            build(state, {**files, "d": {"x": b"%d" % number}})
        snapshot(opened(store), [state])
    for work in before:
        work(opened(store))
    return store


WORK: dict[str, tuple[list[Work], Work, int]] = {
    "forget": ([], forget_oldest, 3),
    "mark": ([forget_oldest], pruning(NOW), 2),
    "delete": ([forget_oldest, pruning(NOW)], pruning(NOW + DAY), 2),
    "mark and delete": (
        [forget_oldest, pruning(NOW), forget_oldest],
        pruning(NOW + DAY),
        1,
    ),
    "at once": ([forget_oldest], pruning(NOW, at_once=True), 2),
    "at once, what is marked": (
        [forget_oldest, pruning(NOW), forget_oldest],
        pruning(NOW, at_once=True),
        1,
    ),
}


@pytest.mark.parametrize("for_good", [False, True], ids=["fails once", "dies"])
@pytest.mark.parametrize("name", WORK)
def test_at_every_change(tmp_path: Path, name: str, for_good: bool) -> None:
    before, work, expected = WORK[name]
    changes = 0
    while True:
        store = prepare(tmp_path, before)
        stop = store.fails = Stopping(changes, {"put", "delete"}, for_good=for_good)
        with suppress(StoreError):
            work(opened(store))
        store.fails = never

        reopen(store).remove_locks(even_live=True)  # of a process that is gone
        left = assert_complete(store, tmp_path / f"{changes}")
        assert expected - (name == "forget") <= left <= expected
        if left == expected:
            work(opened(store))
            assert_complete(store, tmp_path / f"{changes} again")
        if not stop.was_met:
            break
        changes += 1
    assert changes >= 3  # a lock that comes and goes, and something between


def assert_complete(store: FailingStore, target: Path) -> int:
    """See that every snapshot restores as what was saved; return how many there are."""
    result = check(opened(store), CheckOptions(read=Everything()))
    assert result.faults == ()
    repo = reopen(store)
    found = repo.snapshots.load_all()
    for saved in found:
        (path,) = saved.snapshot.paths
        into = target / saved.id.hex()[:8]
        assert restore(repo, f"{saved.id.hex()}:{path}", into).problems == 0
        assert describe(into) == describe(Path(path))
    return len(found)
