"""bkp and restic keep out of each other's way, and tell each other's dead locks from live ones."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bkp.repo.repository import Repository
from bkp.store.base import Kind
from program import Bkp, wait_until
from restic import Restic

MakeRepository = Callable[..., Repository]


class Locks:
    """The locks of the repository."""

    def __init__(self, repo: Path) -> None:
        self._directory = repo / "locks"

    def names(self) -> list[str]:
        return sorted(path.name for path in self._directory.iterdir() if len(path.name) == 64)

    @contextmanager
    def taken_by(self, process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
        wait_until(lambda: self.names() != [], process)
        yield process


@pytest.fixture
def locks(repo_path: Path, make_repository: MakeRepository) -> Locks:
    make_repository()
    return Locks(repo_path)


@pytest.fixture
def source(tmp_path: Path) -> str:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "file").write_bytes(b"content")
    return str(tmp_path / "src")


@pytest.fixture
def exclusive_restic(restic: Restic, locks: Locks, tmp_path: Path) -> Iterator[None]:
    """A restic that holds an exclusive lock: it waits for a new password that never comes."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with (
        restic.start("key", "passwd", "--new-password-file", str(pipe)) as process,
        locks.taken_by(process),
    ):
        yield


@pytest.mark.usefixtures("exclusive_restic")
@pytest.mark.parametrize("command", ["snapshot", "check"])
def test_bkp_respects_an_exclusive_lock_of_restic(
    bkp: Bkp, locks: Locks, source: str, repo_path: Path, command: str
) -> None:
    before = locks.names()

    result = bkp.run(*{"snapshot": ["snapshot", source], "check": ["check"]}[command], code=11)

    assert "locked" in result.stderr
    assert "bkp unlock" in result.stderr
    assert locks.names() == before
    assert not list((repo_path / "snapshots").iterdir())


def test_bkp_shares_with_a_restic_that_adds(
    restic: Restic, bkp: Bkp, locks: Locks, source: str, repo_path: Path
) -> None:
    with restic.start("backup", "--stdin") as process, locks.taken_by(process):
        bkp.snapshot(source)
        bkp.run("check")
        bkp.run("key", "remove", "00", code=11)  # needs to be alone
        output, _ = process.communicate("what came meanwhile")

    assert process.returncode == 0, output
    assert len(list((repo_path / "snapshots").iterdir())) == 2
    assert locks.names() == []
    restic.check()


def test_restic_shares_with_a_bkp_that_adds(
    restic: Restic, bkp: Bkp, locks: Locks, source: str, repo_path: Path
) -> None:
    with bkp.start("snapshot", "--stdin") as process, locks.taken_by(process):
        restic.run("backup", source)
        for command in (["prune"], ["forget", "--keep-last", "1"], ["check"]):
            result = restic.run(*command, check=False)
            assert result.returncode == 1
            assert "already locked" in result.stderr
        output, _ = process.communicate("what came meanwhile")

    assert process.returncode == 0, output
    assert len(list((repo_path / "snapshots").iterdir())) == 2
    assert locks.names() == []
    restic.check()


def test_restic_respects_an_exclusive_lock_of_bkp(
    restic: Restic, make_repository: MakeRepository, source: str
) -> None:
    with make_repository().lock(exclusive=True):
        result = restic.run("backup", source, check=False)

    assert result.returncode == 1
    assert "already locked exclusively" in result.stderr


def test_bkp_removes_the_locks_of_a_dead_restic_only(
    restic: Restic, bkp: Bkp, locks: Locks
) -> None:
    with restic.start("backup", "--stdin") as process, locks.taken_by(process):
        assert "removed 0 locks" in bkp.run("unlock").stdout
        assert len(locks.names()) == 1
        process.kill()
        process.wait()
        assert len(locks.names()) == 1

        assert "removed 1 locks" in bkp.run("unlock").stdout

    assert locks.names() == []


def test_restic_removes_the_locks_of_a_dead_bkp_only(
    restic: Restic, bkp: Bkp, locks: Locks
) -> None:
    with bkp.start("snapshot", "--stdin") as process, locks.taken_by(process):
        restic.run("unlock")  # which sends a SIGHUP to see whether it is alive
        assert len(locks.names()) == 1
        process.kill()
        process.wait()
        assert len(locks.names()) == 1

        restic.run("unlock")

    assert locks.names() == []


def test_the_lock_of_a_dead_bkp_is_in_nobodys_way(
    bkp: Bkp, locks: Locks, restic: Restic, source: str
) -> None:
    with bkp.start("snapshot", "--stdin") as process, locks.taken_by(process):
        process.kill()
        process.wait()
    assert len(locks.names()) == 1

    result = bkp.run("snapshot", source)

    assert "process is gone" in result.stderr
    assert locks.names() == []
    assert len(restic.snapshots()) == 1


def test_bkp_waits_for_a_lock_of_restic(
    restic: Restic, bkp: Bkp, locks: Locks, source: str, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with (
        restic.start("key", "passwd", "--new-password-file", str(pipe)) as process,
        locks.taken_by(process),
    ):
        assert (
            "no length of time" in bkp.run("snapshot", source, "--retry-lock", "5", code=2).stderr
        )
        with bkp.start("snapshot", source, "--retry-lock", "1m") as waiting:
            assert waiting.stderr is not None
            assert "waiting" in waiting.stderr.readline()
            pipe.write_text("a new password")
            process.wait()
            assert waiting.wait() == 0


@pytest.mark.usefixtures("locks")
def test_a_restore_needs_no_lock(bkp: Bkp, source: str, repo_path: Path, tmp_path: Path) -> None:
    bkp.snapshot(source)
    (repo_path / "locks").rmdir()

    bkp.run("restore", "--no-lock", "--target", str(tmp_path / "out"))

    assert not (repo_path / "locks").exists()
    assert "--no-lock" in bkp.run("snapshot", "--no-lock", source, code=2).stderr


def test_the_lock_of_a_live_process_can_be_removed_by_force(
    restic: Restic, bkp: Bkp, locks: Locks
) -> None:
    with restic.start("backup", "--stdin") as process, locks.taken_by(process):
        bkp.run("unlock", "--remove-all")

        assert locks.names() == []


def test_a_hangup_does_not_end_a_snapshot(bkp: Bkp, locks: Locks, restic: Restic) -> None:
    with bkp.start("snapshot", "--stdin") as process, locks.taken_by(process):
        process.send_signal(signal.SIGHUP)
        _, errors = process.communicate("content")

    assert (process.returncode, errors) == (0, "")
    assert len(restic.snapshots()) == 1


@pytest.mark.parametrize(
    "command",
    [["ls", "latest"], ["find", "*"], ["diff"], ["dump", "latest", "/"], ["stats"]],
    ids=lambda command: command[0],
)
def test_who_reads_is_kept_out_while_restic_removes_things(
    make_repository: MakeRepository, bkp: Bkp, tmp_path: Path, command: list[str]
) -> None:
    repo = make_repository()
    (tmp_path / "file").write_bytes(b"content")
    bkp.snapshot(str(tmp_path / "file"))
    with repo.lock(exclusive=True):
        assert "locked" in bkp.run(*command, code=11).stderr
        bkp.run(*command, "--no-lock")
    assert list(repo.store.scan(Kind.LOCK)) == []
    bkp.run(*command)
    assert list(repo.store.scan(Kind.LOCK)) == []
