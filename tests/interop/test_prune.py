"""bkp and restic on a repository that either of them prunes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bkp.repo.repository import Repository
from program import Bkp
from restic import Restic
from trees import build, describe

MakeRepository = Callable[..., Repository]


@pytest.fixture
def states(tmp_path: Path) -> list[Path]:
    """Directories that share files."""
    files = {name: os.urandom(300_000) for name in "abcd"}
    found = []
    for number in range(3):
        path = tmp_path / f"state-{number}"
        build(path, {name: files[name] for name in "abcd"[number : number + 2]})
        found.append(path)
    return found


@pytest.fixture
def saved(make_repository: MakeRepository, bkp: Bkp, restic: Restic, states: list[Path]) -> None:
    """Snapshots by both."""
    make_repository()
    bkp.snapshot(str(states[0]))
    restic.backup(str(states[1]))
    bkp.snapshot(str(states[2]))


def packs(repo: Path) -> set[str]:
    return {path.name for path in repo.glob("data/*/*")}


@pytest.mark.usefixtures("saved")
def test_restic_finds_nothing_wrong_at_any_time(
    bkp: Bkp, restic: Restic, repo_path: Path, states: list[Path], tmp_path: Path
) -> None:
    before = packs(repo_path)
    oldest = restic.snapshots()[0]["id"]

    bkp.run("forget", oldest)
    restic.check()
    bkp.run("prune", "--max-unused", "0", "--keep-delete", "0s")
    assert packs(repo_path) >= before
    restic.check()
    bkp.run("prune", "--max-unused", "0", "--keep-delete", "0s")

    assert not before <= packs(repo_path)
    restic.check()
    bkp.run("check", "--read-data")
    for number, snapshot in enumerate(restic.snapshots(), 1):
        target = tmp_path / f"out-{number}"
        restic.run("restore", snapshot["id"], "--target", str(target))
        assert describe(Path(f"{target}{states[number]}")) == describe(states[number])


@pytest.mark.usefixtures("saved")
def test_restic_prunes_what_bkp_marked(bkp: Bkp, restic: Restic, repo_path: Path) -> None:
    bkp.run("forget", restic.snapshots()[0]["id"], "--prune", "--max-unused", "0")
    marked = packs(repo_path)

    restic.run("prune", "--max-unused", "0")

    assert len(packs(repo_path)) < len(marked)
    restic.check()
    bkp.run("check", "--read-data")
    bkp.run("prune")
    bkp.run("prune", "--instant")
    restic.check()


@pytest.mark.usefixtures("saved")
def test_a_backup_of_restic_that_began_before_the_marks_keeps_its_packs(
    bkp: Bkp, restic: Restic, repo_path: Path, states: list[Path], tmp_path: Path
) -> None:
    """It knows the blobs of a snapshot that is forgotten and pruned while it runs."""
    names = [one["id"] for one in restic.snapshots()]
    with restic.start("backup", "--stdin", "--stdin-filename", "a") as process:
        while not list((repo_path / "locks").iterdir()):
            assert process.poll() is None
        bkp.run("forget", *names[1:])
        for _ in range(3):
            bkp.run("prune", "--max-unused", "0", "--keep-delete", "0s")
        content = (states[1] / "b").read_bytes().decode("latin-1").encode("utf-8")
        process.communicate(content.decode())
    assert process.returncode == 0
    restic.check()
    bkp.run("check", "--read-data")
    bkp.run("restore", names[0], "--target", str(tmp_path / "out"))
    assert describe(Path(f"{tmp_path}/out{states[0]}")) == describe(states[0])


@pytest.mark.usefixtures("saved")
def test_a_prune_of_restic_is_kept_out(bkp: Bkp, restic: Restic, repo_path: Path) -> None:
    with bkp.start("snapshot", "--stdin") as process:
        while not list((repo_path / "locks").iterdir()):
            assert process.poll() is None
        assert "already locked" in restic.run("prune", check=False).stderr
        assert "locked" in bkp.run("prune", "--instant", code=11).stderr
        bkp.run("prune")
        process.communicate("content")
    restic.check()


def test_a_version_1_repository_is_pruned_too(
    make_repository: MakeRepository, bkp: Bkp, restic: Restic, states: list[Path]
) -> None:
    make_repository(version=1)
    bkp.snapshot(str(states[0]))
    bkp.snapshot(str(states[1]))
    bkp.run("forget", restic.snapshots()[0]["id"], "--prune", "--instant", "--max-unused", "0")
    restic.check()
    bkp.run("check", "--read-data")
