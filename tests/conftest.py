"""Fixtures: a restic and a bkp on one repository, away from anybody's settings."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from bkp.repo.repository import NewRepository, Repository, init_repository
from bkp.store.local import LocalStore
from program import Bkp
from repos import CHEAP
from restic import Restic

PASSWORD = "geheim und lang"

# Tests run beside each other on few cores: how long one example took says nothing.
settings.register_profile("bkp", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# `HYPOTHESIS_PROFILE=long pytest tests/property` tries fifteen times as much.
settings.register_profile("long", settings.get_profile("bkp"), max_examples=1500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "bkp"))


@pytest.fixture
def repo_path(tmp_path: Path) -> Path:
    return tmp_path / "repo"


@pytest.fixture
def make_repository(repo_path: Path) -> Callable[..., Repository]:
    """Make the repository that `restic` and `bkp` work on, with a key that is cheap to open."""

    def make(*, version: int = 2, chunker: str = "rabin") -> Repository:
        new = NewRepository(version=version, chunker=chunker, kdf_cost=CHEAP)
        return init_repository(LocalStore.create(repo_path), PASSWORD, new)

    return make


@pytest.fixture
def restic(tmp_path: Path, repo_path: Path) -> Restic:
    return Restic(repo_path, tmp_path / "cache", PASSWORD)


@pytest.fixture
def bkp(tmp_path: Path, repo_path: Path) -> Bkp:
    home = tmp_path / "home"
    home.mkdir()
    return Bkp(repo_path, home, PASSWORD)


@pytest.fixture
def quiet_path() -> Iterator[Path]:
    """Give a directory none of whose parents are in a snapshot but itself.

    A snapshot holds the directories above its targets too, and nobody can
    keep the times of /tmp still.  The root has no node.
    """
    path = Path(tempfile.mkdtemp(prefix="bkp-test-", dir="/"))
    yield path
    shutil.rmtree(path)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where CI is set if anything was skipped: a test that does not run proves nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = 1
