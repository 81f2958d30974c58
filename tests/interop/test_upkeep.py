"""What restic does to a repository that bkp filled leaves it good for bkp, and the reverse."""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from bkp.repo.repository import NewRepository, Repository, init_repository
from bkp.store.local import LocalStore
from program import Bkp
from repos import CHEAP
from restic import Restic
from trees import build, describe

MakeRepository = Callable[..., Repository]


def fill(bkp: Bkp, work: Path) -> list[str]:
    """Take three snapshots by bkp, of which the first two hold what the third does not."""
    source = work / "src"
    random = Random(1)
    build(source, {"stays": random.randbytes(2 << 20), "d": {"small": b"small"}})
    names = []
    for number in range(3):
        (source / "large").write_bytes(random.randbytes(3 << 20))
        (source / f"small {number}").write_bytes(random.randbytes(1000))
        (source / f"small {number - 1}").unlink(missing_ok=True)
        names.append(bkp.snapshot("src", cwd=work))
    return names


def assert_whole(bkp: Bkp, restic: Restic, work: Path) -> None:
    """Assert that both find no fault, and that the latest snapshot is what is on disk."""
    bkp.run("check", "--read-data")
    restic.check()
    shutil.rmtree(work / "out", ignore_errors=True)
    bkp.run("restore", "--target", str(work / "out"))
    assert describe(work / "out" / "src") == describe(work / "src")


def stored_bytes(repo: Path) -> int:
    return sum(path.stat().st_size for path in (repo / "data").rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("version", "commands"),
    [
        (1, [["forget", "--keep-last", "1"], ["prune"]]),
        (2, [["forget", "--keep-last", "1", "--prune", "--max-unused", "0"]]),
    ],
    ids=["forget, prune", "forget --prune"],
)
def test_prune_keeps_what_the_rest_needs(
    make_repository: MakeRepository,
    restic: Restic,
    bkp: Bkp,
    tmp_path: Path,
    repo_path: Path,
    version: int,
    commands: list[list[str]],
) -> None:
    make_repository(version=version)
    *_, last = fill(bkp, tmp_path)
    before = stored_bytes(repo_path)

    for command in commands:
        restic.run(*command)

    assert stored_bytes(repo_path) < before - (5 << 20)
    assert [snapshot["id"] for snapshot in restic.snapshots()] == [last]
    assert_whole(bkp, restic, tmp_path)
    again = bkp.lines("snapshot", "--force", "src", cwd=tmp_path)[-1]
    assert again["data_added"] == 0


def test_prune_finds_nothing_to_do_where_all_is_used(
    make_repository: MakeRepository,
    restic: Restic,
    bkp: Bkp,
    tmp_path: Path,
    repo_path: Path,
) -> None:
    make_repository()
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "file").write_bytes(Random(2).randbytes(3 << 20))
    bkp.snapshot("src", cwd=tmp_path)
    before = sorted(path.name for path in (repo_path / "data").rglob("*"))

    restic.run("prune", "--max-unused", "0")

    assert sorted(path.name for path in (repo_path / "data").rglob("*")) == before


def test_an_index_that_restic_rebuilt(
    make_repository: MakeRepository,
    restic: Restic,
    bkp: Bkp,
    tmp_path: Path,
    repo_path: Path,
) -> None:
    make_repository()
    fill(bkp, tmp_path)
    for path in (repo_path / "index").iterdir():
        path.unlink()

    restic.run("rebuild-index")

    assert_whole(bkp, restic, tmp_path)
    assert bkp.lines("snapshot", "--force", "src", cwd=tmp_path)[-1]["data_added"] == 0


def test_a_snapshot_that_restic_tagged(
    make_repository: MakeRepository, restic: Restic, bkp: Bkp, tmp_path: Path
) -> None:
    make_repository()
    *_, last = fill(bkp, tmp_path)

    restic.run("tag", "--add", "kept", last)

    (snapshots,) = bkp.lines("snapshots", "--tag", "kept")
    (tagged,) = snapshots
    assert tagged["original"] == last
    assert bkp.lines("snapshot", "src", cwd=tmp_path)[-1]["files_new"] == 0
    parent = restic.snapshots()[-1]["parent"]
    assert parent == tagged["id"]
    assert_whole(bkp, restic, tmp_path)


def test_copies_that_restic_makes(
    make_repository: MakeRepository, restic: Restic, bkp: Bkp, tmp_path: Path
) -> None:
    new = NewRepository(cut_like=make_repository().config, kdf_cost=CHEAP)
    init_repository(LocalStore.create(tmp_path / "copy"), "other", new)
    fill(bkp, tmp_path)
    copy = Restic(tmp_path / "copy", tmp_path / "cache", "other")
    copy.env |= {
        "RESTIC_FROM_REPOSITORY": restic.env["RESTIC_REPOSITORY"],
        "RESTIC_FROM_PASSWORD": restic.env["RESTIC_PASSWORD"],
    }

    copy.run("copy")

    bkp.env |= {"BKP_REPOSITORY": str(tmp_path / "copy"), "BKP_PASSWORD": "other"}
    assert_whole(bkp, copy, tmp_path)
    assert bkp.lines("snapshot", "--force", "src", cwd=tmp_path)[-1]["data_added"] == 0


class Passwords:
    """Password files, and both tools using them."""

    def __init__(self, directory: Path, restic: Restic, bkp: Bkp) -> None:
        self._directory = directory
        self._restic = restic
        self._bkp = bkp

    def file(self, password: str) -> str:
        path = self._directory / f"password {password}"
        path.write_text(password + "\n")
        return str(path)

    def assert_open(self, password: str) -> None:
        self._restic.run("snapshots", env={"RESTIC_PASSWORD": password})
        self._bkp.run("snapshots", env={"BKP_PASSWORD": password})

    def assert_closed(self, password: str) -> None:
        result = self._restic.run("snapshots", env={"RESTIC_PASSWORD": password}, check=False)
        assert "wrong password" in result.stderr
        self._bkp.run("snapshots", env={"BKP_PASSWORD": password}, code=12)


@pytest.fixture
def passwords(tmp_path: Path, restic: Restic, bkp: Bkp) -> Passwords:
    return Passwords(tmp_path, restic, bkp)


def test_keys_of_restic_open_for_bkp_and_can_be_removed(
    make_repository: MakeRepository, restic: Restic, bkp: Bkp, passwords: Passwords
) -> None:
    make_repository()

    restic.run("key", "add", "--new-password-file", passwords.file("restic's"))

    passwords.assert_open("restic's")
    (keys,) = bkp.lines("key", "list")
    by_restic = [key["id"] for key in restic.json("key", "list")]
    assert sorted(key["id"][:8] for key in keys) == sorted(by_restic)
    (added,) = [key["id"] for key in keys if not key["current"]]
    bkp.run("key", "remove", added)
    passwords.assert_closed("restic's")


def test_keys_of_bkp_open_for_restic_and_can_be_removed(
    make_repository: MakeRepository, restic: Restic, bkp: Bkp, passwords: Passwords
) -> None:
    make_repository()

    bkp.run("key", "add", "--new-password-file", passwords.file("bkp's"))

    passwords.assert_open("bkp's")
    (added,) = [key["id"] for key in restic.json("key", "list") if not key["current"]]
    restic.run("key", "remove", added)
    passwords.assert_closed("bkp's")


@pytest.mark.parametrize("by", ["bkp", "restic"])
def test_a_changed_password_is_changed_for_both(
    make_repository: MakeRepository, restic: Restic, bkp: Bkp, passwords: Passwords, by: str
) -> None:
    make_repository()
    old = bkp.env["BKP_PASSWORD"]

    command = ["key", "passwd", "--new-password-file", passwords.file("new")]
    if by == "bkp":
        bkp.run(*command)
    else:
        restic.run(*command)

    passwords.assert_open("new")
    passwords.assert_closed(old)
