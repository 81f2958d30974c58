import pytest

from bkp.errors import UsageError
from bkp.ops.check.run import CheckOptions, check
from bkp.ops.check.subset import Everything
from bkp.ops.migrate import UPGRADE_TO_2, applicable, migrate
from bkp.repo import locking
from bkp.repo.repository import Repository, open_repository
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
