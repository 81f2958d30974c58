"""Snapshots that bkp changes, copies and repairs are as good to restic as any."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from bkp.repo.repository import NewRepository, Repository, init_repository
from bkp.store.local import LocalStore
from conftest import PASSWORD
from program import Bkp
from repos import CHEAP
from restic import Restic
from trees import Tree, build, describe

MakeRepository = Callable[..., Repository]

RANDOM = Random(11)
TREE: Tree = {
    "a": RANDOM.randbytes(700_000),
    "d": {"image.iso": RANDOM.randbytes(3_000_000), "e": {"small": b"1"}},
    "same": b"1",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    build(tmp_path / "source", TREE)
    return tmp_path / "source"


@pytest.fixture
def both(make_repository: MakeRepository, bkp: Bkp, restic: Restic, source: Path) -> None:
    """Have a snapshot by each tool."""
    make_repository()
    bkp.snapshot(str(source), "--tag", "first")
    restic.backup(str(source), "--tag", "second")


def restored(restic: Restic, tmp_path: Path, name: str, source: Path) -> Path:
    target = tmp_path / f"restored {name}"
    restic.run("restore", name, "--target", str(target))
    return Path(f"{target}{source}")


@pytest.mark.usefixtures("both")
def test_tags(bkp: Bkp, restic: Restic) -> None:
    before = {one["id"] for one in restic.snapshots()}

    bkp.run("tag", "--add", "kept,dear")
    bkp.run("tag", "--remove", "dear", "--tag", "second")

    found = restic.snapshots()
    assert [one["tags"] for one in found] == [["first", "kept", "dear"], ["second", "kept"]]
    assert {one["original"] for one in found} == before
    restic.check()


@pytest.mark.usefixtures("both")
def test_rewritten_snapshots(bkp: Bkp, restic: Restic, source: Path, tmp_path: Path) -> None:
    *changed, summary = bkp.lines("rewrite", "--exclude", "*.iso", "--forget")
    assert [line["message_type"] for line in changed] == ["changed", "changed"]
    assert summary == {"message_type": "summary", "changed_snapshots": 2}

    (source / "d/image.iso").unlink()
    restic.check()
    trees = set()
    for snapshot in restic.snapshots():
        trees.add(snapshot["tree"])
        back = restored(restic, tmp_path, snapshot["id"], source)
        left = describe(back)
        assert left.keys() == describe(source).keys()
        assert (back / "d/e/small").read_bytes() == b"1"
    bkp.run("prune", "--instant", "--max-unused", "0")
    restic.check()
    assert bkp.snapshot(str(source))
    assert restic.tree_of_latest() not in trees  # the time of the directory is another now


def other_repository(tmp_path: Path, restic: Restic, like: Repository) -> Restic:
    new = NewRepository(cut_like=like.config, kdf_cost=CHEAP)
    init_repository(LocalStore.create(tmp_path / "other"), PASSWORD, new)
    other = Restic(tmp_path / "other", tmp_path / "cache", PASSWORD)
    other.env |= {
        "RESTIC_FROM_REPOSITORY": restic.env["RESTIC_REPOSITORY"],
        "RESTIC_FROM_PASSWORD": restic.env["RESTIC_PASSWORD"],
    }
    return other


def test_copies(
    make_repository: MakeRepository, bkp: Bkp, restic: Restic, source: Path, tmp_path: Path
) -> None:
    other = other_repository(tmp_path, restic, make_repository())
    bkp.snapshot(str(source))
    restic.backup(str(source))
    bkp.env |= {
        "BKP_FROM_REPOSITORY": bkp.env["BKP_REPOSITORY"],
        "BKP_REPOSITORY": str(tmp_path / "other"),
        "BKP_FROM_PASSWORD": PASSWORD,
    }

    copied = bkp.lines("copy")

    assert [line["was_there"] for line in copied] == [False, False]
    other.check()
    assert [one["tree"] for one in other.snapshots()] == [one["tree"] for one in restic.snapshots()]
    assert "was already copied" in other.run("copy").stdout
    assert [line["was_there"] for line in bkp.lines("copy")] == [True, True]
    assert len(other.snapshots()) == 2
    back = restored(other, tmp_path, "latest", source)
    assert describe(back) == describe(source)
    assert bkp.lines("snapshot", "--force", str(source))[-1]["data_blobs"] == 0


def test_what_restic_copied_is_not_copied_again(
    make_repository: MakeRepository, bkp: Bkp, restic: Restic, source: Path, tmp_path: Path
) -> None:
    other = other_repository(tmp_path, restic, make_repository())
    bkp.snapshot(str(source))
    other.run("copy")
    bkp.env["BKP_FROM_PASSWORD"] = PASSWORD

    (line,) = bkp.lines(
        "-r", str(tmp_path / "other"), "copy", "--from-repo", str(tmp_path / "repo")
    )

    assert line["was_there"]


def test_a_repository_that_was_migrated(
    make_repository: MakeRepository, bkp: Bkp, restic: Restic, source: Path, tmp_path: Path
) -> None:
    make_repository(version=1)
    restic.backup(str(source))
    assert bkp.run("migrate").stdout.startswith("upgrade_repo_v2 ")

    bkp.run("migrate", "upgrade_repo_v2")

    assert bkp.run("migrate").stdout == ""
    restic.check()
    restic.backup(str(source), "--force")
    bkp.run("prune", "--repack-uncompressed", "--instant")
    restic.check()
    for snapshot in restic.snapshots():
        back = restored(restic, tmp_path, snapshot["id"], source)
        assert describe(back) == describe(source)


@pytest.mark.usefixtures("both")
def test_snapshots_that_were_lost(
    bkp: Bkp, restic: Restic, repo_path: Path, source: Path, tmp_path: Path
) -> None:
    for path in (repo_path / "snapshots").iterdir():
        path.unlink()

    bkp.run("recover")

    restic.check()
    (found,) = restic.snapshots()
    assert found["tags"] == ["recovered"]
    target = tmp_path / "back"
    restic.run("restore", found["id"], "--target", str(target))
    for root in target.iterdir():
        assert describe(Path(f"{root}{source}")) == describe(source)


@pytest.mark.usefixtures("both")
def test_a_pack_that_is_damaged(
    bkp: Bkp, restic: Restic, repo_path: Path, source: Path, tmp_path: Path
) -> None:
    """What restic finds wrong is nothing any more when bkp has repaired it."""
    pack = max(repo_path.glob("data/*/*"), key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[1000] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(data)
    assert restic.run("check", "--read-data", check=False).returncode != 0
    (named,) = bkp.lines("check", "--read-data", code=1)[-1]["broken_packs"]
    assert named == pack.name

    bkp.run("repair", "packs", named, cwd=tmp_path)
    bkp.run("repair", "snapshots", "--forget")

    assert (tmp_path / f"pack-{named}").read_bytes() == data
    restic.check()
    (lost,) = {
        path
        for path in describe(source)
        if describe(restored(restic, tmp_path, "latest", source))[path] != describe(source)[path]
    }
    assert lost in {b"a", b"d/image.iso"}
    bkp.snapshot(str(source))
    assert describe(restored(restic, tmp_path, "latest", source)) == describe(source)


@pytest.mark.usefixtures("both")
def test_an_index_that_is_lost(
    bkp: Bkp, restic: Restic, repo_path: Path, source: Path, tmp_path: Path
) -> None:
    for path in (repo_path / "index").iterdir():
        path.unlink()

    bkp.run("repair", "index")

    restic.check()
    assert describe(restored(restic, tmp_path, "latest", source)) == describe(source)
