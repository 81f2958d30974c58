"""bkp and the real restic read what the other wrote, and work on one repository by turns."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest

import difficult
from bkp.repo.repository import Repository
from program import Bkp
from restic import Restic
from trees import Description, describe

MakeRepository = Callable[..., Repository]


@dataclass(frozen=True)
class Case:
    """A kind of repository, and how both tools are told to compress."""

    version: int
    compression: str = "auto"
    chunker: str = "rabin"

    def __str__(self) -> str:
        return f"v{self.version} {self.compression} {self.chunker}"

    def set_up(self, make: MakeRepository, restic: Restic, bkp: Bkp) -> None:
        make(version=self.version, chunker=self.chunker)
        bkp.env["RESTIC_COMPRESSION"] = self.compression
        restic.env["RESTIC_COMPRESSION"] = self.compression


RABIN = [Case(1), Case(2), Case(2, "off"), Case(2, "max")]
ALL = [*RABIN, Case(2, chunker="fastcdc")]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    difficult.build(tmp_path / "src")
    return tmp_path / "src"


def listed(output: str) -> set[str]:
    """Return the paths in what `ls --json` printed."""
    nodes = [json.loads(line) for line in output.split("\n") if line]
    return {node["path"] for node in nodes if node["struct_type"] == "node"}


def as_restic_restores(found: dict[bytes, Description]) -> dict[bytes, Description]:
    """Take away what restic 0.14 does not restore: which links are the same symbolic link."""
    return {
        path: replace(description, same_as=()) if description.kind == "symlink" else description
        for path, description in found.items()
    }


def assert_restic_restores(
    restic: Restic, source: Path, target: Path, name: str = "latest"
) -> None:
    restic.run("restore", name, "--target", str(target))

    expected = as_restic_restores(describe(source, with_root=True))
    assert as_restic_restores(describe(target / source.name, with_root=True)) == expected


def assert_bkp_restores(bkp: Bkp, source: Path, target: Path, name: str = "latest") -> None:
    bkp.run("restore", name, "--target", str(target))

    expected = describe(source, with_root=True)
    assert describe(target / source.name, with_root=True) == expected


@pytest.mark.parametrize("case", ALL, ids=str)
def test_restic_reads_what_bkp_wrote(
    make_repository: MakeRepository,
    restic: Restic,
    bkp: Bkp,
    source: Path,
    tmp_path: Path,
    case: Case,
) -> None:
    case.set_up(make_repository, restic, bkp)

    name = bkp.snapshot("src", "--tag", "a,b", cwd=tmp_path)

    restic.check()
    (snapshot,) = restic.snapshots()
    assert snapshot["id"] == name
    assert snapshot["paths"] == [str(source)]
    assert snapshot["tags"] == ["a", "b"]
    assert listed(restic.run("ls", "latest", "--json").stdout) == listed(
        bkp.run("ls", "latest", "--json").stdout
    )
    assert_restic_restores(restic, source, tmp_path / "out")


@pytest.mark.parametrize("case", RABIN, ids=str)
def test_bkp_reads_what_restic_wrote(
    make_repository: MakeRepository,
    restic: Restic,
    bkp: Bkp,
    source: Path,
    tmp_path: Path,
    case: Case,
) -> None:
    case.set_up(make_repository, restic, bkp)

    restic.run("backup", "src", "--tag", "a,b", cwd=tmp_path)

    bkp.run("check", "--read-data")
    (snapshots,) = bkp.lines("snapshots")
    assert snapshots == restic.snapshots()
    assert len(listed(bkp.run("ls", "--json").stdout)) == len(describe(source, with_root=True))
    assert_bkp_restores(bkp, source, tmp_path / "out")


@pytest.mark.parametrize("version", ["1", "2"])
def test_bkp_uses_a_repository_that_restic_made(
    restic: Restic, bkp: Bkp, tmp_path: Path, version: str
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "file").write_bytes(b"content")
    restic.run("init", "--repository-version", version)

    bkp.snapshot("src", cwd=tmp_path)

    restic.check()
    assert_restic_restores(restic, tmp_path / "src", tmp_path / "out")


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("chunker", ["rabin", "fastcdc"])
def test_restic_uses_a_repository_that_bkp_made(
    restic: Restic, bkp: Bkp, tmp_path: Path, version: str, chunker: str
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "file").write_bytes(b"content")
    bkp.run("init", "--repository-version", version, "--chunker", chunker)

    restic.run("backup", "src", cwd=tmp_path)

    bkp.run("check", "--read-data")
    assert_bkp_restores(bkp, tmp_path / "src", tmp_path / "out")


@pytest.mark.parametrize("case", RABIN, ids=str)
def test_who_comes_second_stores_nothing(
    make_repository: MakeRepository,
    restic: Restic,
    bkp: Bkp,
    source: Path,
    tmp_path: Path,
    case: Case,
) -> None:
    case.set_up(make_repository, restic, bkp)
    files = sum(found.kind == "file" for found in describe(source).values())

    first = bkp.snapshot("src", cwd=tmp_path)
    second = restic.backup("src", cwd=tmp_path)
    third = bkp.lines("snapshot", "src", cwd=tmp_path)[-1]
    fourth = bkp.lines("snapshot", "--force", "src", cwd=tmp_path)[-1]

    for summary in (second, third):
        assert (summary["files_new"], summary["files_changed"]) == (0, 0)
        assert summary["dirs_new"] == summary["dirs_changed"] == 0
        assert summary["data_added"] == 0
    assert third["files_unmodified"] == files
    assert fourth["data_added"] == 0
    snapshots = restic.snapshots()
    assert snapshots[1]["parent"] == first
    assert snapshots[2]["parent"] == snapshots[1]["id"]
    assert len({snapshot["tree"] for snapshot in snapshots}) == 1
    restic.check()


@pytest.mark.parametrize("case", [Case(1), Case(2), Case(2, chunker="fastcdc")], ids=str)
def test_by_turns_a_changing_directory(
    make_repository: MakeRepository, restic: Restic, bkp: Bkp, tmp_path: Path, case: Case
) -> None:
    case.set_up(make_repository, restic, bkp)
    source = tmp_path / "src"
    versions: list[tuple[str, Path]] = []

    for turn in range(4):
        change(source, turn)
        if turn % 2:
            name = str(restic.backup("src", cwd=tmp_path)["snapshot_id"])
        else:
            name = bkp.snapshot("src", cwd=tmp_path)
        versions.append((name, tmp_path / f"version {turn}" / "src"))
        shutil.copytree(source, versions[-1][1])

    restic.check()
    bkp.run("check", "--read-data")
    assert_restic_restores(restic, versions[2][1], tmp_path / "by restic", versions[2][0])
    for name, version in versions:
        assert_bkp_restores(bkp, version, tmp_path / f"by bkp {name}", name)


def change(source: Path, turn: int) -> None:
    """Make the next version of a directory: something new, changed, renamed and gone."""
    random = Random(turn)
    if turn == 0:
        source.mkdir()
        (source / "large").write_bytes(random.randbytes(3 << 20))
    large = bytearray((source / "large").read_bytes())
    at = random.randrange(len(large))
    large[at:at] = b"inserted"
    (source / "large").write_bytes(large)
    (source / f"dir {turn}").mkdir()
    (source / f"dir {turn}" / "file").write_bytes(random.randbytes(10_000))
    if turn >= 2:
        (source / f"dir {turn - 1}").rename(source / f"renamed {turn}")
        shutil.rmtree(source / f"dir {turn - 2}", ignore_errors=True)
