"""What cannot be read is told and left out; what cannot be stored ends the run."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bkp.errors import StoreError
from bkp.events import Event, FileStarted, Problem
from bkp.library import open_repository, restore, snapshot
from bkp.repo.repository import Repository
from bkp.store.base import Kind, ObjectName
from program import Bkp
from repos import make_repo, reopen
from restic import Restic
from stores import FailingStore
from trees import describe

MakeRepository = Callable[..., Repository]

NOBODY = 65534

# As root, everything of bkp is imported that a snapshot needs; then root's rights are given up:
# the interpreter itself may be where nobody else may look.
AS_NOBODY = f"""
import os, sys
import bkp.cli.commands.snapshot
from bkp.cli.main import run
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
sys.exit(run(sys.argv[1:]))
"""


class Meddler:
    """Does something to a file once bkp has met it and is about to read it."""

    def __init__(self, path: Path, meddle: Callable[[Path], object]) -> None:
        self._path = path
        self._meddle: Callable[[Path], object] | None = meddle
        self.problems: list[Problem] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, Problem):
            self.problems.append(event)
        elif self._meddle and event == FileStarted(os.fsencode(self._path)):
            self._meddle(self._path)
            self._meddle = None


def become(make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Return what puts something else where a file was."""

    def replace(path: Path) -> None:
        path.unlink()
        make(path)

    return replace


MEDDLING = {
    "vanishes": Path.unlink,
    "becomes a fifo": become(os.mkfifo),
    "becomes a directory": become(Path.mkdir),
    "becomes a link": become(lambda path: path.symlink_to("stays")),
    "becomes a link to nothing": become(lambda path: path.symlink_to("nowhere")),
}


@pytest.mark.parametrize("name", MEDDLING)
def test_a_file_changes_before_it_is_read(
    make_repository: MakeRepository,
    restic: Restic,
    bkp: Bkp,
    tmp_path: Path,
    repo_path: Path,
    name: str,
) -> None:
    make_repository()
    source = tmp_path / "src"
    source.mkdir()
    (source / "stays").write_bytes(b"stays")
    (source / "fickle").write_bytes(b"here for now")
    (source / "zz").write_bytes(b"comes after it")
    meddler = Meddler(source / "fickle", MEDDLING[name])
    repo = open_repository(repo_path, bkp.env["BKP_PASSWORD"])

    result = snapshot(repo, [source], report=meddler)

    assert result.saved is not None
    (problem,) = meddler.problems
    assert problem.path == os.fsencode(source / "fickle")
    restic.check()
    restic.run("restore", "latest", "--target", str(tmp_path / "out"))
    assert sorted(describe(f"{tmp_path / 'out'}{source}")) == [b"stays", b"zz"]


@pytest.mark.parametrize("size", [0, 100, 3 << 20], ids=["emptied", "shorter", "longer"])
def test_a_file_of_another_size_is_saved_as_it_was_read(
    make_repository: MakeRepository,
    restic: Restic,
    bkp: Bkp,
    tmp_path: Path,
    repo_path: Path,
    size: int,
) -> None:
    make_repository()
    source = tmp_path / "src"
    source.mkdir()
    (source / "log").write_bytes(b"x" * (1 << 20))
    meddler = Meddler(source / "log", lambda path: os.truncate(path, size))
    repo = open_repository(repo_path, bkp.env["BKP_PASSWORD"])

    snapshot(repo, [source], report=meddler)

    assert meddler.problems == []
    assert restore(repo, f"latest:{source}", tmp_path / "out").problems == 0
    assert describe(tmp_path / "out") == describe(source)
    restic.check()


def test_what_nobody_may_not_read_is_left_out(
    make_repository: MakeRepository, bkp: Bkp, quiet_path: Path, repo_path: Path
) -> None:
    make_repository()
    own_repo = quiet_path / "repo"
    repo_path.rename(own_repo)
    for path in (own_repo, *own_repo.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    quiet_path.chmod(0o755)
    source = quiet_path / "src"
    (source / "closed").mkdir(parents=True)
    (source / "closed" / "inside").write_text("inside")
    (source / "open").write_text("open")
    (source / "secret").write_text("secret")
    (source / "secret").chmod(0)
    (source / "closed").chmod(0)

    environment = bkp.env | {"BKP_REPOSITORY": str(own_repo)}
    result = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, "snapshot", "--no-cache", "src"],
        env=environment,
        cwd=quiet_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 3, result.stderr
    told = result.stderr.splitlines()
    assert len(told) == 2
    assert "/src/closed: " in told[0]
    assert "/src/secret: " in told[1]
    assert all("ermission denied" in line for line in told)
    own = Restic(own_repo, quiet_path / "cache", bkp.env["BKP_PASSWORD"])
    own.check()
    own.run("restore", "latest", "--target", str(quiet_path / "out"))
    assert list(describe(quiet_path / "out" / "src")) == [b"open"]


def test_a_target_that_is_missing_is_left_out(
    make_repository: MakeRepository, restic: Restic, bkp: Bkp, tmp_path: Path
) -> None:
    make_repository()
    (tmp_path / "here").write_text("here")

    result = bkp.run("snapshot", "here", "gone", cwd=tmp_path, code=3)

    assert "gone" in result.stderr
    assert listed(restic) == ["/here"]


def listed(restic: Restic) -> list[str]:
    return restic.run("ls", "-q", "latest").stdout.splitlines()


@pytest.mark.parametrize("kind", [Kind.LOCK, Kind.PACK, Kind.INDEX, Kind.SNAPSHOT])
def test_a_store_that_fails_ends_the_run_without_a_snapshot(tmp_path: Path, kind: Kind) -> None:
    (tmp_path / "file").write_bytes(b"content")
    store = FailingStore()
    repo = make_repo(store)

    def fail(verb: str, name: ObjectName) -> Exception | None:
        return StoreError("broken") if verb == "put" and name.kind is kind else None

    store.fails = fail
    with pytest.raises(StoreError, match="broken"):
        snapshot(repo, [tmp_path / "file"])

    assert reopen(store).snapshots.load_all() == []


def test_a_repository_that_breaks_ends_the_program_with_one(
    make_repository: MakeRepository, bkp: Bkp, tmp_path: Path, repo_path: Path
) -> None:
    make_repository()
    (tmp_path / "file").write_bytes(b"content")
    (repo_path / "index").rmdir()
    (repo_path / "index").write_text("in the way")

    result = bkp.run("snapshot", "file", cwd=tmp_path, code=1)

    assert "index" in result.stderr
    assert not list((repo_path / "snapshots").iterdir())
    assert not list((repo_path / "locks").iterdir())
