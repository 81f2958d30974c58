"""The commands that look: what a person sees, and what a bad request gets."""

import json
import os
from pathlib import Path

import pytest

from bkp.repo.repository import open_repository
from bkp.store.local import LocalStore
from memoryrepo import File
from packed import save
from program import Bkp
from repos import PASSWORD, make_repo, reopen, store_blobs
from trees import Fifo, Symlink, Tree, build

TREE: Tree = {
    "file": b"one\ntwo\n",
    "dir": {"inner": b"x", "link": Symlink("inner")},
    "fifo": Fifo(),
    "evil\x1b[31m\nname": b"",
}


@pytest.fixture
def bkp(tmp_path: Path, repo_path: Path) -> Bkp:
    """Return a bkp whose repository holds two snapshots of `src`."""
    make_repo(LocalStore.create(repo_path))
    (tmp_path / "home").mkdir()
    program = Bkp(repo_path, tmp_path / "home", PASSWORD)
    build(tmp_path / "src", TREE)
    program.snapshot("src", cwd=tmp_path)
    (tmp_path / "src" / "file").write_bytes(b"one\n2\n")
    program.snapshot("src", cwd=tmp_path)
    return program


def damage(path: Path) -> None:
    os.chmod(path, 0o600)
    path.write_bytes(b"not what it was")


def test_ls_lists_everything_or_one_directory(bkp: Bkp) -> None:
    everything = bkp.run("ls").stdout.splitlines()
    one = bkp.run("ls", "latest:/src/dir").stdout.splitlines()

    assert everything[:2] == ["/src", "/src/dir"]
    assert one == ["/src/dir", "/src/dir/inner", "/src/dir/link"]
    assert bkp.run("ls", "latest", "/src").stdout.count("\n") == 5
    assert bkp.run("ls", "latest", "/src", "--recursive").stdout.splitlines() == everything


def test_names_cannot_steer_a_terminal(bkp: Bkp) -> None:
    for command in (["ls"], ["ls", "-l"], ["find", "evil*"]):
        assert "\\x1b[31m\\x0aname" in bkp.run(*command).stdout
        assert "\x1b" not in bkp.run(*command).stdout


def test_nor_can_what_is_no_time(bkp: Bkp, repo_path: Path) -> None:
    repo = open_repository(LocalStore(repo_path), PASSWORD)
    save(repo, {b"f": File(fields={"mtime": "\x1b[31m"})}, time="2100-01-01T00:00:00Z")

    assert "\\x1b[31m" in bkp.run("ls", "-l").stdout


@pytest.mark.parametrize("time", ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_times_beyond_any_calendar_are_listed(
    bkp: Bkp, repo_path: Path, time: str, zone: str
) -> None:
    repo = open_repository(LocalStore(repo_path), PASSWORD)
    saved = save(repo, {b"f": File(fields={"mtime": time})}, time=time)

    for command in (
        ["snapshots"],
        ["ls", "-l", saved.id.hex()],
        ["find", "f"],
        ["forget", "--keep-last", "9", "--dry-run"],
    ):
        assert time[:5] in bkp.run(*command, env={"TZ": zone}).stdout


def test_a_long_listing_looks_like_that_of_ls(bkp: Bkp) -> None:
    lines = bkp.run("ls", "-l", "latest:/src/dir").stdout.splitlines()

    assert lines[1].startswith("-rw-")
    assert lines[2].endswith("/src/dir/link -> inner")
    assert lines[2].startswith("lrwxrwxrwx")


def test_find_tells_snapshots_and_dates(bkp: Bkp) -> None:
    output = bkp.run("find", "inner").stdout

    assert output.count("found in snapshot ") == 2
    assert output.count("/src/dir/inner\n") == 2
    assert bkp.run("find", "nowhere").stdout == ""


def test_find_begins_with_the_newest_snapshot_as_restic_does(bkp: Bkp) -> None:
    (snapshots,) = bkp.lines("snapshots")
    taken = [one["id"] for one in snapshots]

    assert [one["snapshot"] for one in bkp.lines("find", "inner")[0]] == taken[::-1]
    assert [one["snapshot"] for one in bkp.lines("find", "-R", "inner")[0]] == taken


def ids_of(bkp: Bkp) -> tuple[str, str]:
    """Return the blob of `src/file` in the latest snapshot, and the tree of `src`."""
    nodes = json.loads(bkp.run("cat", "tree", "latest:/src").stdout)["nodes"]
    root = json.loads(bkp.run("cat", "tree", "latest").stdout)["nodes"]
    (file,) = (node for node in nodes if node["name"] == "file")
    return file["content"][0], root[0]["subtree"]


def test_find_tells_which_files_have_a_blob(bkp: Bkp) -> None:
    blob, tree = ids_of(bkp)

    output = bkp.run("find", "--blob", blob[:10]).stdout

    lines = output.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("found in snapshot ")
    assert lines[1:] == [f"blob {blob}", f"  in the file /src/file, of tree {tree[:8]}"]
    assert f"tree {tree}\n  of the directory /src\n" in bkp.run("find", "--tree", tree).stdout
    assert bkp.run("find", "--tree", blob).stdout == ""


def test_find_tells_where_in_which_pack_it_is(bkp: Bkp) -> None:
    blob, _ = ids_of(bkp)
    (place,) = (one for one in bkp.lines("list", "blobs") if one["id"] == blob)

    output = bkp.run("find", "--blob", blob, "--show-pack-id").stdout

    where = f"at offset {place['offset']}, {place['length']} bytes, 6 uncompressed"
    assert output.endswith(f"\n\nblob {blob}\n  in pack {place['pack']}\n  {where}\n")
    nowhere = bkp.run("find", "--blob", "0" * 64, "--show-pack-id").stdout
    assert nowhere == f"blob {'0' * 64}\n  in no pack that an index names\n"


def test_names_of_files_that_have_a_blob_cannot_steer_a_terminal(bkp: Bkp, tmp_path: Path) -> None:
    (tmp_path / "src" / "evil\x1b[31m\nname").write_bytes(b"one\n2\n")
    bkp.snapshot("src", cwd=tmp_path)

    output = bkp.run("find", "--blob", ids_of(bkp)[0]).stdout

    assert "in the file /src/evil\\x1b[31m\\x0aname, of tree" in output
    assert "\x1b" not in output


def test_find_finds_nothing_as_an_empty_array(bkp: Bkp) -> None:
    for what in (["nowhere"], ["--blob", "0" * 64], ["--tree", "0" * 64]):
        assert bkp.run("find", "--json", *what).stdout == "[]\n"
    assert bkp.run("find", "--json", "[", code=2).stdout == ""


def test_diff_shows_lines(bkp: Bkp) -> None:
    output = bkp.run("diff", "latest~1", "latest", "--content").stdout

    assert "M    /src/file\n--- a/src/file\n+++ b/src/file\n" in output
    assert "-two\n+2\n" in output
    assert "1 changed" in output


def test_diff_without_a_snapshot_is_about_the_disk(bkp: Bkp, tmp_path: Path) -> None:
    (tmp_path / "src" / "dir" / "inner").unlink()

    assert "-    /src/dir/inner\n" in bkp.run("diff").stdout
    assert "-    /src/dir/inner\n" in bkp.run("diff", "latest:/src/dir").stdout


def test_diff_without_a_snapshot_takes_none_of_another_machine(bkp: Bkp, tmp_path: Path) -> None:
    bkp.run("snapshot", "--host", "elsewhere", "src/dir", cwd=tmp_path)

    assert "elsewhere" not in bkp.run("diff").stdout
    assert "/src/file" not in bkp.run("diff").stdout  # as the second of this machine has it


def test_cat_prints_a_file(bkp: Bkp) -> None:
    assert bkp.run("cat", "latest:/src/file").stdout == "one\n2\n"
    assert bkp.run("cat", "latest~1", "/src/file").stdout == "one\ntwo\n"
    assert bkp.run("cat", "latest:/src", "dir/inner").stdout == "x"


def test_cat_names_what_an_ambiguous_beginning_may_mean(bkp: Bkp, repo_path: Path) -> None:
    repo = reopen(LocalStore.open(repo_path))
    names = [name.hex() for name in store_blobs(repo, *(b"%d" % number for number in range(17)))]
    firsts = [name[0] for name in names]
    shared = next(digit for digit in firsts if firsts.count(digit) > 1)

    error = bkp.run("cat", "blob", shared, code=2).stderr

    assert f"blob {shared} is ambiguous: {shared}" in error


def test_cat_of_a_blob_that_is_nowhere_fails(bkp: Bkp) -> None:
    assert "is in no index" in bkp.run("cat", "blob", "0" * 63, code=1).stderr


def test_cat_prints_a_damaged_pack_and_says_that_it_is(bkp: Bkp, repo_path: Path) -> None:
    pack = next(path for path in (repo_path / "data").rglob("*") if path.is_file())
    damage(pack)

    result = bkp.run("cat", "pack", pack.name, code=1)

    assert result.stdout == "not what it was"
    assert f"data/{pack.name}: it is damaged" in result.stderr


def test_list_lists_what_is_damaged_too(bkp: Bkp, repo_path: Path) -> None:
    for kind in ("snapshots", "index"):
        damage(next((repo_path / kind).iterdir()))
        names = {path.name for path in (repo_path / kind).iterdir()}

        assert set(bkp.run("list", kind).stdout.split()) == names
        assert {one["id"] for one in bkp.lines("list", kind)} == names


def test_list_lists_the_blobs_of_what_is_left_of_the_index(bkp: Bkp, repo_path: Path) -> None:
    whole = bkp.run("list", "blobs").stdout.splitlines()
    broken = next((repo_path / "index").iterdir())
    damage(broken)

    result = bkp.run("list", "blobs", "--no-cache", code=1)  # which may know all of it

    assert set(result.stdout.splitlines()) < set(whole)
    assert result.stdout
    assert f"index/{broken.name}" in result.stderr


def test_list_tells_sizes_to_programs(bkp: Bkp, repo_path: Path) -> None:
    sizes = {
        path.name: path.stat().st_size for path in (repo_path / "data").rglob("*") if path.is_file()
    }

    assert {one["id"]: one["size"] for one in bkp.lines("list", "packs")} == sizes


def test_list_takes_no_lock(bkp: Bkp, repo_path: Path) -> None:
    assert bkp.run("list", "locks").stdout == ""

    repo = reopen(LocalStore.open(repo_path))
    with repo.lock(exclusive=True) as lock:
        assert bkp.run("list", "locks").stdout == f"{lock.id}\n"
        bkp.run("list", "blobs")


def test_dump_writes_a_new_file_only(bkp: Bkp, tmp_path: Path) -> None:
    target = tmp_path / "out.tar"

    bkp.run("dump", "latest:/src/dir", "--target", str(target))
    assert target.read_bytes()[257:262] == b"ustar"

    bkp.run("dump", "latest", "--target", str(target), code=2)
    assert bkp.run("dump", "latest", "/src/file").stdout == "one\n2\n"


def test_stats_for_people(bkp: Bkp) -> None:
    assert "snapshots:           2\n" in bkp.run("stats").stdout
    assert "compression ratio:" in bkp.run("stats", "--mode", "raw-data").stdout


def test_check_says_that_all_is_well(bkp: Bkp) -> None:
    output = bkp.run("check", "--read-data").stdout

    assert "checked 2 snapshots" in output
    assert "no faults were found" in output
    assert bkp.run("check", "-q").stdout == ""


def test_check_says_what_is_wrong_and_what_it_means(bkp: Bkp, repo_path: Path) -> None:
    packs = [path for path in (repo_path / "data").rglob("*") if path.is_file()]
    oldest = min(packs, key=lambda path: (b"tree" in path.name.encode(), path.stat().st_mtime_ns))
    os.chmod(oldest, 0o600)
    os.truncate(oldest, 60)

    result = bkp.run("check", code=1)

    assert oldest.name in result.stderr
    assert "1 faults were found" in result.stdout
    assert "snapshot " in result.stdout
    assert "/src" in result.stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["ls", "latest:/nope"], "there is no nope in /"),
        (["ls", "ffffffff"], "no snapshot ffffffff"),
        (["find"], "Missing argument"),
        (["find", "["], "invalid pattern"),
        (["find", "-O", "yesterday", "x"], "not a time"),
        (["find", "--blob", "xyz"], "begins no id"),
        (["find", "--pack", "012345678"], "there is no pack"),
        (["find", "--blob", "--pack", "0"], "exclude each other"),
        (["find", "--blob", "-O", "2026-01-01", "0"], "for patterns"),
        (["find", "--show-pack-id", "x"], "needs --blob"),
        (["diff", "latest", "latest", "--content", "--json"], "no JSON"),
        (["diff", "latest:/elsewhere"], "/elsewhere is not in snapshot"),
        (["cat", "latest"], "which file?"),
        (["cat", "latest:/src"], "`bkp dump` writes directories"),
        (["cat", "latest:/src/dir/link"], "is a symlink, not a file"),
        (["cat", "blob", "xyz"], "begins no id"),
        (["cat", "pack", "../config"], "begins no id"),
        (["cat", "blob"], "which blob?"),
        (["cat", "pack", "0123456789"], "there is no pack"),
        (["cat", "index"], "which index?"),
        (["list"], "Choose from: blobs, packs,"),
        (["list", "files"], "'files' is not one of"),
        (["dump", "latest:/src/fifo"], "no contents to write"),
        (["dump", "latest", "-a", "rar"], "rar"),
        (["stats", "--mode", "guess"], "guess"),
        (["check", "--read-data-subset", "3/2"], "3/2"),
        (["check", "--read-data-subset", "lots"], "none of n/t"),
        (["check", "--read-data", "--read-data-subset", "1/2"], "exclude each other"),
    ],
)
def test_bad_requests_get_a_sentence(bkp: Bkp, args: list[str], message: str) -> None:
    result = bkp.run(*args, code=2)

    assert message in result.stderr
    assert result.stdout == ""
