"""Fixtures: a restic and a bkp on one repository, away from anybody's settings."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import Bkp
from restic import Restic

PASSWORD = "geheim und lang"


@pytest.fixture
def repo_path(tmp_path: Path) -> Path:
    return tmp_path / "repo"


@pytest.fixture
def restic(tmp_path: Path, repo_path: Path) -> Restic:
    return Restic(repo_path, tmp_path / "cache", PASSWORD)


@pytest.fixture
def bkp(tmp_path: Path, repo_path: Path) -> Iterator[Bkp]:
    home = tmp_path / "home"
    home.mkdir()
    yield Bkp(repo_path, home, PASSWORD)


@pytest.fixture
def quiet_path() -> Iterator[Path]:
    """Give a directory none of whose parents are in a snapshot but itself.

    A snapshot holds the directories above its targets too, and nobody can
    keep the times of /tmp still.  The root has no node.
    """
    path = Path(tempfile.mkdtemp(prefix="bkp-test-", dir="/"))
    yield path
    shutil.rmtree(path)
