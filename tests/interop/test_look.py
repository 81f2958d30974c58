"""Looking at a repository with bkp and with restic gives the same answers."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import difficult
from bkp.repo.repository import open_repository
from bkp.store.local import LocalStore
from program import Bkp
from repos import PASSWORD, make_repo
from restic import Restic
from trees import describe

MODES = ["restore-size", "files-by-contents", "blobs-per-file", "raw-data"]


@dataclass(frozen=True)
class Filled:
    """A repository filled by both tools in turn: three snapshots of a directory that changes."""

    restic: Restic
    bkp: Bkp
    repo: Path
    source: Path


@pytest.fixture(scope="module", params=[1, 2])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Fill a repository once for all tests that only look."""
    top = tmp_path_factory.mktemp("filled")
    (top / "home").mkdir()
    restic = Restic(top / "repo", top / "cache", PASSWORD)
    bkp = Bkp(top / "repo", top / "home", PASSWORD)
    source = top / "src"
    make_repo(LocalStore.create(top / "repo"), version=request.param)
    difficult.build(source)
    restic.run("backup", "src", cwd=top)
    (source / "plain").write_text("changed\n")
    (source / "dir with everything" / "none").unlink()
    (source / "new dir" / "deep").mkdir(parents=True)
    (source / "new dir" / "deep" / "file").write_text("new")
    os.symlink("x", source / "new link")
    bkp.run("snapshot", "src", cwd=top)
    (source / "large").unlink()
    os.chmod(source / "empty", 0o700)
    restic.run("backup", "src", cwd=top)
    return Filled(restic, bkp, top / "repo", source)


@pytest.fixture
def restic(filled: Filled) -> Restic:
    return filled.restic


@pytest.fixture
def bkp(filled: Filled) -> Bkp:
    return filled.bkp


def lines_of(text: str) -> list[Any]:
    """Read JSON lines; names may hold characters that Python takes for ends of lines."""
    return [json.loads(line) for line in text.split("\n") if line.startswith(("{", "["))]


def printed(bkp: Bkp, *args: str, code: int = 0) -> list[Any]:
    return lines_of(bkp.run(*args, "--json", code=code).stdout)


def reduced(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Keep of ours what this restic prints too; newer ones print more."""
    return {key: ours.get(key) for key in theirs}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("snapshot", [["latest"], []])
def test_stats(restic: Restic, bkp: Bkp, mode: str, snapshot: list[str]) -> None:
    theirs = restic.json("stats", "--mode", mode, *snapshot)
    (ours,) = printed(bkp, "stats", "--mode", mode, *snapshot)

    assert reduced(ours, theirs) == theirs


@pytest.mark.parametrize("paths", [[], ["/src"], ["/src/dir with everything", "/src/empty"]])
def test_ls(restic: Restic, bkp: Bkp, paths: list[str]) -> None:
    theirs = lines_of(restic.run("ls", "--json", "latest", *paths).stdout)
    ours = printed(bkp, "ls", "latest", *paths)

    assert len(theirs) > 1
    assert by_path([reduced(a, b) for a, b in zip(ours, theirs, strict=True)]) == by_path(theirs)


def by_path(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(lines, key=lambda line: line.get("path", ""))


@pytest.mark.parametrize(
    "arguments",
    [
        ["link*"],
        ["level 3*"],
        ["-i", "PLAIN", "LARGE"],
        ["dir with everything/*"],
        ["/src/**/bottom"],
        ["*\\nline"],
        ["-N", "2000-01-01", "*"],
        ["-O", "2099-01-01 00:00:00", "*"],
        ["-s", "latest", "fifo"],
        ["nothing"],
    ],
)
def test_find(restic: Restic, bkp: Bkp, arguments: list[str]) -> None:
    def sorted_hits(found: Any) -> Any:
        return sorted(found, key=lambda one: str(one["snapshot"]))

    theirs = sorted_hits(restic.json("find", *arguments))
    ours = sorted_hits(printed(bkp, "find", *arguments)[0])

    assert ours == theirs


def ids_of(restic: Restic, kind: str) -> list[str]:
    listed = (line.split() for line in restic.run("list", "blobs").stdout.splitlines())
    return sorted({name for type_, name in listed if type_ == kind})


def records(found: list[dict[str, Any]]) -> set[str]:
    """Return records as texts; restic tells of a blob as often as it is in a file."""
    return {json.dumps(one, sort_keys=True) for one in found}


@pytest.mark.parametrize("digits", [8, 64])
def test_find_by_blob(restic: Restic, bkp: Bkp, digits: int) -> None:
    ids = [name[:digits] for name in ids_of(restic, "data")]
    theirs = restic.json("find", "--blob", *ids)
    (ours,) = printed(bkp, "find", "--blob", *ids)

    assert len({one["id"] for one in ours}) == len(ids)
    assert records(ours) == records(theirs)


@pytest.mark.parametrize("digits", [8, 64])
def test_find_by_tree(restic: Restic, bkp: Bkp, digits: int) -> None:
    snapshots = restic.snapshots()
    for name in ids_of(restic, "tree"):
        theirs = restic.json("find", "--tree", name[:digits])
        (ours,) = printed(bkp, "find", "--tree", name[:digits])

        # restic 0.14 passes over the top, and goes to the next snapshot when it has found a tree.
        assert records(ours) >= records(theirs)
        tops = {one["snapshot"] for one in ours if one["path"] == "/"}
        assert tops == {one["id"] for one in snapshots if one["tree"] == name}
        assert ours


@pytest.mark.parametrize("digits", [8, 64])
def test_find_by_pack(restic: Restic, bkp: Bkp, digits: int) -> None:
    for pack in restic.run("list", "packs").stdout.split():
        theirs = restic.json("find", "--pack", pack[:digits])
        (ours,) = printed(bkp, "find", "--pack", pack[:digits])

        # restic 0.14 finds no trees by their packs.
        assert records([one for one in ours if one["object_type"] == "blob"]) == records(theirs)
        assert ours


def test_find_shows_the_packs_that_the_index_has(restic: Restic, bkp: Bkp) -> None:
    places = {
        (blob["type"], blob["id"]): pack["id"]
        for name in restic.run("list", "index").stdout.split()
        for pack in json.loads(restic.run("cat", "index", name).stdout)["packs"]
        for blob in pack["blobs"]
    }
    for kind, option in (("data", "--blob"), ("tree", "--tree")):
        (found,) = printed(bkp, "find", "--show-pack-id", option, *ids_of(restic, kind))

        assert found
        assert all(one["packs"] == [places[kind, one["id"]]] for one in found)


@pytest.mark.parametrize("options", [[], ["--metadata"]])
def test_diff(restic: Restic, bkp: Bkp, options: list[str]) -> None:
    ids = [str(snapshot["id"]) for snapshot in restic.snapshots()]
    for before, after in [(ids[0], ids[1]), (ids[1], ids[2]), (ids[2], ids[0]), (ids[1], ids[1])]:
        theirs = lines_of(restic.run("diff", "--json", *options, before, after).stdout)
        ours = printed(bkp, "diff", *options, before, after)

        assert sorted(ours, key=str) == sorted(theirs, key=str)


def test_cat(restic: Restic, bkp: Bkp) -> None:
    snapshot = restic.snapshots()[-1]["id"]
    assert bkp.run("cat", "config").stdout == restic.run("cat", "config").stdout
    ours, theirs = (json.loads(one.run("cat", "masterkey").stdout) for one in (bkp, restic))
    assert (ours["encrypt"], ours["mac"]["k"]) == (theirs["encrypt"], theirs["mac"]["k"])
    assert json.loads(bkp.run("cat", "snapshot", "latest").stdout) == json.loads(
        restic.run("cat", "snapshot", snapshot).stdout
    )
    for kind, listed in (("index", "index"), ("key", "keys")):
        (name, *_) = restic.run("list", listed).stdout.split()
        shown = bkp.run("cat", kind, name[:12]).stdout
        assert json.loads(shown) == json.loads(restic.run("cat", kind, name).stdout)
    tree = restic.tree_of_latest()
    assert bkp.run("cat", "blob", tree).stdout == restic.run("cat", "blob", tree).stdout
    assert bkp.run("cat", "tree", "latest").stdout == restic.run("cat", "blob", tree).stdout


@pytest.mark.parametrize("what", ["blobs", "packs", "index", "snapshots", "keys", "locks"])
def test_list(restic: Restic, bkp: Bkp, what: str) -> None:
    theirs = sorted(restic.run("list", what).stdout.splitlines())

    assert sorted(bkp.run("list", what).stdout.splitlines()) == theirs
    listed = printed(bkp, "list", what)
    if what == "blobs":
        assert sorted(f"{one['type']} {one['id']}" for one in listed) == theirs
    else:
        assert sorted(one["id"] for one in listed) == theirs


def test_blobs_are_listed_as_index_objects_have_them(restic: Restic, bkp: Bkp) -> None:
    theirs = [
        blob | {"pack": pack["id"]}
        for name in restic.run("list", "index").stdout.split()
        for pack in json.loads(restic.run("cat", "index", name).stdout)["packs"]
        for blob in pack["blobs"]
    ]

    assert in_order(printed(bkp, "list", "blobs")) == in_order(theirs)


def in_order(records: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(one, sort_keys=True) for one in records)


def test_cat_takes_the_beginning_of_an_id(restic: Restic, bkp: Bkp) -> None:
    data = next(
        line.split()[1]
        for line in restic.run("list", "blobs").stdout.splitlines()
        if line.startswith("data ")
    )
    (pack, *_) = restic.run("list", "packs").stdout.split()

    assert output(bkp, "cat", "blob", data[:12]) == restic_output(restic, "cat", "blob", data)
    assert output(bkp, "cat", "pack", pack[:12]) == restic_output(restic, "cat", "pack", pack)


def test_cat_prints_the_tree_of_a_directory(restic: Restic, bkp: Bkp) -> None:
    root = json.loads(bkp.run("cat", "tree", "latest:/").stdout)
    tree = bkp.run("cat", "tree", "latest:/src").stdout

    assert tree == restic.run("cat", "blob", root["nodes"][0]["subtree"]).stdout


def test_cat_prints_a_lock(filled: Filled) -> None:
    with open_repository(LocalStore.open(filled.repo), PASSWORD).lock() as lock:
        ours = json.loads(filled.bkp.run("cat", "lock", lock.id[:12]).stdout)
        theirs = json.loads(filled.restic.run("cat", "lock", lock.id).stdout)

    assert reduced(ours, theirs) == theirs


def output(bkp: Bkp, *args: str) -> bytes:
    return subprocess.run(
        [sys.executable, "-m", "bkp", *args], env=bkp.env, check=True, stdout=subprocess.PIPE
    ).stdout


def restic_output(restic: Restic, *args: str) -> bytes:
    return subprocess.run(
        ["restic", *args], env=restic.env, check=True, stdout=subprocess.PIPE
    ).stdout


def test_a_dumped_tree_is_the_tree(bkp: Bkp, filled: Filled, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    archive = output(bkp, "dump", "latest:/src")

    subprocess.run(
        ["tar", "-x", "-p", "--xattrs", "--xattrs-include=*", "-C", tmp_path / "out"],
        input=archive,
        capture_output=True,
        check=True,
    )

    ours, theirs = describe(tmp_path / "out"), describe(filled.source)
    assert ours.keys() == theirs.keys()
    for path, description in theirs.items():
        assert ours[path] == description


def test_dumps_have_the_names_restic_gives_them(bkp: Bkp, tmp_path: Path) -> None:
    def names(archive: bytes) -> set[str]:
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            return set(opened.getnames())

    theirs = subprocess.run(
        ["restic", "dump", "latest", "/src/new dir"],
        env={
            **os.environ,
            "RESTIC_REPOSITORY": bkp.env["BKP_REPOSITORY"],
            "RESTIC_PASSWORD": bkp.env["BKP_PASSWORD"],
            "RESTIC_CACHE_DIR": str(tmp_path / "cache"),
        },
        check=True,
        stdout=subprocess.PIPE,
    ).stdout

    # restic leaves out the directory itself
    assert names(output(bkp, "dump", "latest", "/src/new dir")) == names(theirs) | {"src/new dir"}
    assert output(bkp, "cat", "latest:/src/plain") == b"changed\n"


def test_bkp_finds_no_fault(bkp: Bkp) -> None:
    assert printed(bkp, "check", "--read-data")[0]["num_errors"] == 0


def test_both_find_the_same_pack_damaged(filled: Filled, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    shutil.copytree(filled.repo, repo)
    pack = max((repo / "data").rglob("??*/*"), key=lambda path: path.stat().st_size)
    os.chmod(pack, 0o600)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(bytes(data))

    restic = Restic(repo, tmp_path / "cache", PASSWORD)
    assert restic.run("check", "--read-data", check=False).returncode == 1
    (summary,) = printed(Bkp(repo, tmp_path, PASSWORD), "check", "--read-data", code=1)

    assert summary["broken_packs"] == [pack.name]
    assert summary["faults"][0]["newest"][0]["paths"]


def test_a_diff_with_the_disk_agrees_with_one_of_a_snapshot_taken_now(tmp_path: Path) -> None:
    bkp = Bkp(tmp_path / "repo", tmp_path, PASSWORD)
    make_repo(LocalStore.create(tmp_path / "repo"))
    source = tmp_path / "src"
    difficult.build(source)
    bkp.run("snapshot", "src", cwd=tmp_path)
    (source / "plain").write_text("changed")
    (source / "dir with everything" / "all").unlink()
    (source / "newer").mkdir()
    (source / "newer" / "file").write_text("x")

    live = printed(bkp, "diff", "latest")
    bkp.run("snapshot", "src", cwd=tmp_path)
    stored = printed(bkp, "diff", "latest~1", "latest")

    assert live[:-1] == stored[:-1]
    assert len(live) == 5
    assert printed(bkp, "diff")[:-1] == []
