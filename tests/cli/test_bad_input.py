"""What goes wrong is told in a sentence, with the right exit code, and nothing changes."""

import os
import subprocess
from pathlib import Path

import pytest

from bkp.crypto.kdf import Cost
from bkp.repo.repository import NewRepository, init_repository
from bkp.store.local import LocalStore
from program import Bkp

PASSWORD = "geheim und lang"


@pytest.fixture
def made(bkp: Bkp, repo_path: Path) -> Bkp:
    """Return a bkp whose repository exists, under a key that is cheap to open."""
    store = LocalStore.create(repo_path)
    init_repository(store, PASSWORD, NewRepository(kdf_cost=Cost(2, 8, 1)))
    return bkp


def files_below(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", ["snapshots", "check", "restore", "ls", "unlock"])
def test_no_such_repository(bkp: Bkp, repo_path: Path, command: str) -> None:
    result = bkp.run(command, code=10)

    assert str(repo_path) in result.stderr
    assert "bkp init" in result.stderr
    assert not repo_path.exists()


def test_a_snapshot_into_a_named_place_makes_no_repository(bkp: Bkp, tmp_path: Path) -> None:
    bkp.run("snapshot", str(tmp_path), code=10)


def test_a_directory_that_is_no_repository(bkp: Bkp, repo_path: Path) -> None:
    repo_path.mkdir()
    (repo_path / "file").write_text("mine")

    result = bkp.run("snapshots", code=10)

    assert "no repository in" in result.stderr
    assert os.listdir(repo_path) == ["file"]


def test_a_wrong_password(made: Bkp) -> None:
    result = made.run("snapshots", env={"BKP_PASSWORD": "guess"}, code=12)

    assert "password" in result.stderr
    assert "guess" not in result.stderr


def test_no_password_and_no_terminal(made: Bkp) -> None:
    del made.env["BKP_PASSWORD"]

    assert "BKP_PASSWORD_FILE" in made.run("snapshots", code=2).stderr


def test_a_password_file_may_end_in_a_newline(made: Bkp, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    del made.env["BKP_PASSWORD"]

    made.run("snapshots", "--password-file", str(file))
    made.run("snapshots", env={"BKP_PASSWORD_FILE": str(file)})
    made.run("snapshots", env={"RESTIC_PASSWORD_COMMAND": f"cat {file}"})


def test_an_empty_or_missing_password_file(made: Bkp, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")

    assert "empty" in made.run("snapshots", "-p", str(tmp_path / "empty"), code=2).stderr
    assert "nowhere" in made.run("snapshots", "-p", str(tmp_path / "nowhere"), code=2).stderr


def test_a_failing_password_command_shows_no_secret(made: Bkp) -> None:
    result = made.run("snapshots", "--password-command", "sh -c 'echo s3cret; exit 3'", code=2)

    assert "exit code 3" in result.stderr
    assert "s3cret" not in result.stdout + result.stderr


@pytest.mark.parametrize("name", ["ffffffff", "latest~7", "no-id", "../../etc", "g" * 64])
def test_an_unknown_snapshot(made: Bkp, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    made.snapshot(str(tmp_path / "file"))

    for command in (["restore"], ["ls"], ["cat"], ["dump"]):
        where = [f"{name}:/"] if command[0] in ("cat", "dump") else [name]
        result = made.run(*command, *where, cwd=tmp_path, code=2)
        assert name.split("~", maxsplit=1)[0][:8] in result.stderr

    assert not [path for path in tmp_path.iterdir() if path.name.startswith("restore")]


def test_a_path_that_is_not_in_the_snapshot(made: Bkp, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    made.snapshot(str(tmp_path / "file"))

    for command in ("restore", "ls", "cat", "dump"):
        assert "/no/such" in made.run(command, "latest:/no/such", cwd=tmp_path, code=2).stderr


def test_an_empty_repository_has_no_latest(made: Bkp) -> None:
    assert "no such snapshot" in made.run("restore", code=2).stderr


def test_all_targets_missing_make_no_snapshot(made: Bkp, tmp_path: Path) -> None:
    result = made.run("snapshot", str(tmp_path / "nowhere"), code=2)

    assert "nowhere" in result.stderr
    assert made.lines("snapshots") == [[]]


def test_one_missing_target_makes_the_snapshot_incomplete(made: Bkp, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    result = made.run("snapshot", str(tmp_path / "file"), str(tmp_path / "nowhere"), code=3)

    assert "nowhere" in result.stderr
    assert "saved" in result.stdout


def test_no_target_at_all(made: Bkp) -> None:
    assert "nothing to save" in made.run("snapshot", code=2).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["snapshot", "--exclude-larger-than", "10X", "."],
        ["snapshot", "-e", "[", "."],
        ["snapshot", "--time", "yesterday", "."],
        ["snapshot", "--compression", "best", "."],
        ["snapshot", "--files-from", "/nowhere", "."],
        ["restore", "--overwrite", "sometimes"],
        ["check", "--read-data-subset", "3/2"],
        ["check", "--read-data-subset", "x"],
        ["nonsense"],
        ["init", "--chunker", "spiral"],
    ],
)
def test_nonsense_is_a_usage_error(made: Bkp, arguments: list[str], tmp_path: Path) -> None:
    assert made.run(*arguments, cwd=tmp_path, code=2).stderr.startswith("bkp: ")


def test_json_errors_are_json(made: Bkp) -> None:
    result = made.run("restore", "ffffffff", "--json", code=2)

    assert '"message_type":"exit_error"' in result.stderr
    assert '"code":2' in result.stderr


def test_a_repository_that_may_not_be_written(made: Bkp, repo_path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    subprocess.run(["mount", "--bind", str(repo_path), str(repo_path)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(repo_path)], check=True)
        result = made.run("snapshot", str(tmp_path / "file"), code=1)
    finally:
        subprocess.run(["umount", str(repo_path)], check=True)

    assert "read-only" in result.stderr


def test_a_full_disk_under_the_repository(bkp: Bkp, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(small)], check=True)
    try:
        store = LocalStore.create(small / "repo")
        init_repository(store, PASSWORD, NewRepository(kdf_cost=Cost(2, 8, 1)))
        bkp.env["BKP_REPOSITORY"] = str(small / "repo")
        (tmp_path / "fits").write_bytes(os.urandom(1 << 20))
        (tmp_path / "does not").write_bytes(os.urandom(40 << 20))
        first = bkp.snapshot(str(tmp_path / "fits"))

        result = bkp.run("snapshot", str(tmp_path / "does not"), code=1)

        assert "no space" in result.stderr
        assert [saved["id"] for saved in bkp.lines("snapshots")[0]] == [first]
        bkp.run("check", "--read-data")
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_full_disk_under_the_target(made: Bkp, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    (tmp_path / "big").write_bytes(os.urandom(6 << 20))
    made.snapshot(str(tmp_path / "big"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)], check=True)
    try:
        result = made.run("restore", "-t", str(small / "here"), code=1)
    finally:
        subprocess.run(["umount", str(small)], check=True)

    assert "space" in result.stderr


def test_an_existing_directory_is_not_restored_into_unasked(made: Bkp, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    name = made.snapshot(str(tmp_path / "file"))
    (tmp_path / f"restore-{name[:8]}").mkdir()

    assert "--target" in made.run("restore", cwd=tmp_path, code=2).stderr


KINDS = ["config", "keys", "index", "snapshots", "data tree", "data file"]
DAMAGES = ["truncated", "emptied", "flipped"]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_named_and_makes_nothing_worse(
    made: Bkp, repo_path: Path, tmp_path: Path, kind: str, damage: str
) -> None:
    source = tmp_path / "src"
    source.mkdir()
    (source / "file").write_bytes(os.urandom(100_000))
    made.snapshot(str(source))
    victim = find(repo_path, kind)
    apply_damage(victim, damage)
    before = files_below(repo_path)

    check = made.run("check", "--read-data", code=1)
    restore = made.run("restore", "-t", str(tmp_path / "out"), code=3 if "data" in kind else None)

    assert check.stderr or check.stdout
    assert restore.stderr
    assert files_below(repo_path) == before
    (source / "more").write_text("more")
    # What is damaged beyond use stops a snapshot; a damaged pack or snapshot does not.
    made.run("snapshot", str(source), code=None if kind in ("config", "keys", "index") else 0)
    assert all(files_below(repo_path).get(path) == data for path, data in before.items())


def find(repo: Path, kind: str) -> Path:
    if kind == "config":
        return repo / "config"
    directory, _, which = kind.partition(" ")
    files = sorted(
        (path for path in (repo / directory).rglob("*") if path.is_file()),
        key=lambda path: path.stat().st_size,
    )
    return files[0] if which == "tree" else files[-1]  # trees are far smaller than the file


def apply_damage(path: Path, damage: str) -> None:
    data = bytearray(path.read_bytes())
    match damage:
        case "truncated":
            del data[len(data) // 2 :]
        case "emptied":
            data.clear()
        case _:
            data[len(data) // 3] ^= 4
    path.chmod(0o600)
    path.write_bytes(data)
    path.chmod(0o400)


def test_an_empty_stream_is_no_backup(made: Bkp) -> None:
    assert "no snapshot was made" in made.run("snapshot", "--stdin", stdin=b"", code=2).stderr
    assert made.lines("snapshots") == [[]]


def test_a_repository_on_read_only_or_full_storage_still_restores(bkp: Bkp, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)], check=True)
    try:
        store = LocalStore.create(small / "repo")
        init_repository(store, PASSWORD, NewRepository(kdf_cost=Cost(2, 8, 1)))
        bkp.env["BKP_REPOSITORY"] = str(small / "repo")
        (tmp_path / "file").write_text("precious")
        bkp.snapshot(str(tmp_path / "file"))
        filling = subprocess.run(["dd", "if=/dev/zero", f"of={small}/filler", "bs=4k"], check=False)
        assert filling.returncode != 0

        full = bkp.run("restore", f"latest:{tmp_path}", "-t", str(tmp_path / "from full"))
        bkp.run("check", "--read-data")
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        bkp.run("restore", f"latest:{tmp_path}", "-t", str(tmp_path / "from read-only"))
    finally:
        subprocess.run(["umount", str(small)], check=True)

    assert "without a lock" in full.stderr
    assert (tmp_path / "from full" / "file").read_text() == "precious"
    assert (tmp_path / "from read-only" / "file").read_text() == "precious"


def test_the_choices_of_what_is_missing_are_told_in_one_line(bkp: Bkp) -> None:
    assert "Choose from: bash, zsh, fish" in bkp.run("completion", code=2).stderr
