"""Fixtures: a restic and a bkp on one repository, away from anybody's settings."""

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
