"""A snapshot that is stopped at any write harms nothing, and the next one goes on from there."""

from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from bkp.errors import StoreError
from bkp.formats.pack import BlobType
from bkp.ids import BlobId
from bkp.library import restore, snapshot
from bkp.ops.check.run import CheckOptions, check
from bkp.ops.check.subset import Everything
from bkp.repo.repository import Repository, RepositoryOptions, open_repository
from bkp.store.base import Store
from repos import PASSWORD, make_repo, reopen
from stores import FailingStore, Stopping, never
from trees import build, describe

SMALL_PACKS = RepositoryOptions(pack_size=1 << 20)


def open_with_small_packs(store: Store) -> Repository:
    return open_repository(store, PASSWORD, options=SMALL_PACKS)


def copies(repo: Repository) -> dict[tuple[BlobType, BlobId], int]:
    """Count the copies there are of each blob that is indexed."""
    found: dict[tuple[BlobType, BlobId], int] = {}
    for place in repo.index.all_places():
        key = (place.blob.type, place.blob.id)
        found[key] = found.get(key, 0) + 1
    return found


def assert_sound(store: FailingStore) -> None:
    result = check(open_repository(store, PASSWORD), CheckOptions(read=Everything()))
    assert result.faults == ()


def assert_restores(repo: Repository, name: str, source: Path, target: Path) -> None:
    stats = restore(repo, f"{name}:{source}", target)
    assert stats.problems == 0
    assert describe(target) == describe(source)


@pytest.mark.parametrize("for_good", [False, True], ids=["fails once", "dies"])
def test_at_every_write(tmp_path: Path, for_good: bool) -> None:
    random = Random(5)
    before = build(tmp_path / "before", {"old": random.randbytes(500_000), "d": {"small": b"1"}})
    after = build(
        tmp_path / "after",
        {
            "same": (tmp_path / "before" / "old").read_bytes(),
            "new": random.randbytes(2 << 20),
            "d": {"e": {"small": b"2", "other": random.randbytes(600_000)}},
        },
    )
    writes = 0
    while True:
        store = FailingStore()
        repo = make_repo(store, options=SMALL_PACKS)
        saved = snapshot(repo, [before]).saved
        assert saved is not None
        stop = store.fails = Stopping(writes, {"put"}, for_good=for_good)
        with suppress(StoreError):
            snapshot(open_with_small_packs(store), [after])
        store.fails = never

        assert_sound(store)
        stopped = reopen(store)
        snapshots = [found.id for found in stopped.snapshots.load_all()]
        assert snapshots[0] == saved.id
        assert len(snapshots) == (1 if stop.was_met else 2)
        kept = copies(stopped)
        assert_restores(stopped, saved.id.hex(), tmp_path / "before", tmp_path / f"1-{writes}")

        snapshot(open_with_small_packs(store), [after])

        completed = reopen(store)
        assert {key: count for key, count in copies(completed).items() if key in kept} == kept
        assert_restores(completed, "latest", tmp_path / "after", tmp_path / f"2-{writes}")
        if not stop.was_met:
            break
        writes += 1
    assert writes >= 6  # a lock, packs of data, one of trees, an index, a snapshot
