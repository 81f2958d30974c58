import pytest

from bkp.errors import UsageError
from bkp.events import ignore
from bkp.ops.check.run import CheckOptions, check
from bkp.ops.check.subset import Everything
from bkp.ops.migrate import UPGRADE_TO_2, applicable, migrate
from bkp.ops.repair.index import repair_index
from bkp.repo import locking
from bkp.repo.repository import Repository, open_repository
from bkp.store.base import CONFIG
from bkp.store.memory import MemoryStore
from packed import save
from repos import PASSWORD, make_repo, reopen


@pytest.fixture
def repo(monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr(locking, "_SETTLE_SECONDS", 0)
    return make_repo(MemoryStore(), version=1)


def test_version_1_becomes_version_2_and_keeps_all(repo: Repository) -> None:
    before = save(repo, {b"f": b"stored without compression" * 9})
    assert list(applicable(repo)) == [UPGRADE_TO_2]

    with repo.lock(exclusive=True) as lock:
        migrate(repo, lock, UPGRADE_TO_2)

    upgraded = reopen(repo.store)
    assert upgraded.config.version == 2
    assert upgraded.config.id == repo.config.id
    assert upgraded.config.chunker_polynomial == repo.config.chunker_polynomial
    assert list(applicable(upgraded)) == []
    save(upgraded, {b"f": b"stored with compression" * 9})
    assert before in upgraded.snapshots.load_all()
    result = check(open_repository(repo.store, PASSWORD), CheckOptions(read=Everything()))
    assert (result.faults, result.snapshots) == ((), 2)


def test_what_cannot_be_applied_is_refused(repo: Repository) -> None:
    with repo.lock(exclusive=True) as lock:
        with pytest.raises(UsageError, match=UPGRADE_TO_2):
            migrate(repo, lock, "s3_layout")
        migrate(repo, lock, UPGRADE_TO_2)
        with pytest.raises(UsageError):
            migrate(reopen(repo.store), lock, UPGRADE_TO_2)


def test_an_old_copy_of_the_config_hides_nothing_and_can_be_upgraded_again(
    repo: Repository,
) -> None:
    """Put back by a person, or played back by the storage."""
    before = save(repo, {b"f": b"stored without compression" * 9})
    old = repo.store.get(CONFIG)
    with repo.lock(exclusive=True) as lock:
        migrate(repo, lock, UPGRADE_TO_2)
    after = save(reopen(repo.store), {b"f": b"stored with compression" * 9})
    repo.store.replace(CONFIG, old)

    again = reopen(repo.store)
    assert [saved.id for saved in again.snapshots.load_all()] == sorted([before.id, after.id])
    (hint,) = check(open_repository(repo.store, PASSWORD)).hints
    assert f"bkp migrate {UPGRADE_TO_2}" in hint
    with again.lock(exclusive=True) as lock:
        migrate(again, lock, UPGRADE_TO_2)
        repair_index(reopen(repo.store), lock, ignore, read_all=True)

    result = check(open_repository(repo.store, PASSWORD), CheckOptions(read=Everything()))
    assert (result.faults, result.snapshots) == ((), 2)
