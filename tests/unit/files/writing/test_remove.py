import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bkp.errors import SourceError
from bkp.files.writing.remove import remove, remove_tree, unexpected
from bkp.files.writing.target import Target


@pytest.fixture
def target(tmp_path: Path) -> Target:
    (tmp_path / "t" / "d" / "e").mkdir(parents=True)
    (tmp_path / "t" / "d" / "f").write_bytes(b"f")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").write_bytes(b"p")
    (tmp_path / "t" / "d" / "link").symlink_to("../../outside")
    return Target(bytes(tmp_path / "t"), make=True)


def test_a_tree_goes_deepest_first(target: Target, tmp_path: Path) -> None:
    gone: list[bytes] = []

    remove_tree(target, target.root, b"d", gone.append)

    assert sorted(gone[:-1]) == [b"/d/e", b"/d/f", b"/d/link"]
    assert gone[-1] == b"/d"
    assert os.listdir(tmp_path / "t") == []


def test_what_a_link_leads_to_stays(target: Target, tmp_path: Path) -> None:
    remove_tree(target, target.root, b"d")

    assert (tmp_path / "outside" / "precious").read_bytes() == b"p"


def test_a_dry_run_removes_nothing_but_tells_all(target: Target, tmp_path: Path) -> None:
    gone: list[bytes] = []

    remove_tree(target, target.root, b"d", gone.append, dry_run=True)

    assert len(gone) == 4
    assert (tmp_path / "t" / "d" / "f").exists()


def test_a_directory_with_entries_is_not_removed_alone(target: Target, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not empty"):
        remove(target, target.root, b"d")

    assert (tmp_path / "t" / "d" / "f").exists()


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A directory for what is too deep for pytest to clear away."""
    path = tmp_path / "deep"
    path.mkdir()
    yield path
    subprocess.run(["rm", "-rf", path], check=True)


def test_a_tree_of_any_depth_goes(deep: Path) -> None:
    here = os.open(deep, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir(b"down", dir_fd=here)
        below = os.open(b"down", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)

    with Target(bytes(deep), make=True) as target:
        remove_tree(target, target.root, b"down")

    assert os.listdir(deep) == []


def test_names_that_are_expected_are_not_unexpected(target: Target) -> None:
    assert list(unexpected(target, target.root, {b"other"})) == [b"d"]
    assert list(unexpected(target, target.root, {b"d"})) == []
