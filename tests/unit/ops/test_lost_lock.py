"""A lock that somebody removed in the middle of a run: nothing is done that relies on it."""

from pathlib import Path

import pytest

from bkp.errors import Locked
from bkp.events import Event, ignore
from bkp.library import snapshot
from bkp.ops.forget.run import remove_snapshots
from bkp.store.base import Kind
from bkp.store.memory import MemoryStore
from packed import save
from repos import make_repo, reopen
from stores import objects
from trees import build


def test_a_snapshot_is_not_saved(tmp_path: Path) -> None:
    store = MemoryStore()
    repo = make_repo(store)
    source = build(tmp_path / "src", {"file": b"content"})

    def remove_locks(_: Event) -> None:
        reopen(store).remove_locks(even_live=True)

    with pytest.raises(Locked, match="removed by somebody"):
        snapshot(repo, [source], report=remove_locks)

    assert list(objects(store, Kind.SNAPSHOT)) == []


def test_nothing_is_forgotten() -> None:
    store = MemoryStore()
    repo = make_repo(store)
    saved = save(repo, {b"file": b"content"})

    with repo.lock() as lock:
        reopen(store).remove_locks(even_live=True)
        with pytest.raises(Locked, match="removed by somebody"):
            remove_snapshots(repo, lock, [saved.id], ignore)

    assert len(list(objects(store, Kind.SNAPSHOT))) == 1
