"""restic and bkp on one repository at the same time: both are complete, and nothing is lost.

Runs a few rounds; BKP_TEST_ROUNDS asks for more.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from subprocess import Popen

import pytest

from bkp.repo.repository import Repository
from program import Bkp
from restic import Restic
from trees import describe

ROUNDS = int(os.environ.get("BKP_TEST_ROUNDS", "5"))
MakeRepository = Callable[..., Repository]


class Tools:
    """Both, and what they saved."""

    def __init__(self, bkp: Bkp, restic: Restic, directory: Path) -> None:
        self.bkp = bkp
        self.restic = restic
        self._directory = directory
        self._random = Random(17)
        self._shared = self._random.randbytes(6 << 20)
        self.saved: list[tuple[Path, str]] = []

    def changed(self, name: str) -> Path:
        """Make a new state of a directory that is to be saved."""
        path = self._directory / f"{name} {self._random.randrange(10**9)}"
        path.mkdir()
        start = self._random.randrange(1 << 20)
        (path / "shared").write_bytes(self._shared[start:])
        (path / "own").write_bytes(self._random.randbytes(600_000))
        return path

    def at_once(self, *commands: tuple[Bkp | Restic, list[str]]) -> Iterator[tuple[str, str, int]]:
        """Run commands at the same time; yield what each printed and its exit code."""
        with ExitStack() as stack:
            started: list[Popen[str]] = [
                stack.enter_context(tool.start(*args, cwd=self._directory))
                for tool, args in commands
            ]
            for process in started:
                output, errors = process.communicate()
                yield output, errors, process.returncode


@pytest.fixture
def tools(make_repository: MakeRepository, bkp: Bkp, restic: Restic, tmp_path: Path) -> Tools:
    make_repository()
    return Tools(bkp, restic, tmp_path)


def assert_all_restore(tools: Tools, tmp_path: Path) -> int:
    """Restore every snapshot by the tool that did not make it; return how many there are."""
    tools.restic.check()
    tools.bkp.run("check", "--read-data")
    snapshots = tools.restic.snapshots()
    for number, one in enumerate(snapshots):
        (path,) = one["paths"]
        by_bkp = "bkp" in one.get("program_version", "bkp")
        tool = tools.restic if by_bkp else tools.bkp
        target = tmp_path / f"back {number}"
        tool.run("restore", f"{one['id']}", "--target", str(target))
        assert describe(Path(f"{target}{path}")) == describe(Path(path))
    return len(snapshots)


def test_snapshots_at_once(tools: Tools, tmp_path: Path) -> None:
    for _ in range(3):
        one, two = str(tools.changed("one")), str(tools.changed("two"))
        for output, errors, code in tools.at_once(
            (tools.bkp, ["snapshot", one]),
            (tools.bkp, ["snapshot", two]),
            (tools.restic, ["backup", two]),
        ):
            assert code == 0, (output, errors)

    assert assert_all_restore(tools, tmp_path) == 9


def test_snapshots_and_checks_while_bkp_prunes(tools: Tools, tmp_path: Path) -> None:
    """Without any grace: what protects is who holds a lock."""
    prune = ["forget", "--group-by", "", "--keep-last", "3", "--prune", "--keep-delete", "0s"]
    wait = ["--retry-lock", "1m"]
    done = {"bkp": 0, "restic": 0, "check": 0}
    for _ in range(ROUNDS):
        results = tools.at_once(
            (tools.bkp, ["snapshot", str(tools.changed("bkp")), *wait]),
            (tools.restic, ["backup", str(tools.changed("restic"))]),
            (tools.bkp, [*prune, "--max-unused", "0", *wait]),
            (tools.restic, ["check"]),
        )
        for name, (output, errors, code) in zip(
            ("bkp", "restic", "prune", "check"), results, strict=True
        ):
            if code and name in {"restic", "check"}:  # which cannot wait for a lock
                assert "locked" in errors, (output, errors)
            else:
                assert code == 0, (name, output, errors)
                done[name] = done.get(name, 0) + 1

    assert done["bkp"] == done["prune"] == ROUNDS
    assert done["restic"] + done["check"] > 0
    assert 0 < assert_all_restore(tools, tmp_path) <= 5
    tools.bkp.run("prune", "--instant")
    assert_all_restore(tools, tmp_path / "again")
