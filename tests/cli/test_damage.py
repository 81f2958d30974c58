"""What is left of a damaged repository comes back, and what does not is named."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from bkp.ids import blob_id
from bkp.repo.repository import Repository, open_repository
from bkp.store.local import LocalStore
from packed import pack_of
from program import Bkp


@pytest.fixture
def made(bkp: Bkp, make_repository: Callable[..., Repository], tmp_path: Path) -> Bkp:
    """Return a bkp on a repository of two snapshots, each in packs and an index of its own."""
    make_repository()
    (tmp_path / "source").mkdir()
    (tmp_path / "source/old").write_text("old" * 100)
    bkp.snapshot("source", cwd=tmp_path)
    (tmp_path / "source/new").write_text("new" * 100)
    bkp.snapshot("source", cwd=tmp_path)
    return bkp


def objects(repo_path: Path, kind: str) -> list[Path]:
    """Return the objects of a kind, the oldest first."""
    found = [path for path in (repo_path / kind).rglob("*") if path.is_file()]
    return sorted(found, key=lambda path: path.stat().st_mtime_ns)


def put_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def put_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def put_nothing(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [put_directory, put_link, put_nothing])
def test_a_pack_that_cannot_be_read_costs_only_its_files(
    made: Bkp, repo_path: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    repo = open_repository(LocalStore.open(repo_path), made.env["BKP_PASSWORD"])
    repo.load_index()
    pack = pack_of(repo, blob_id(b"old" * 100)).hex()
    damage(repo_path / "data" / pack[:2] / pack)

    result = made.run("restore", "--target", "back", cwd=tmp_path, code=3)

    assert (tmp_path / "back/source/new").read_text() == "new" * 100
    assert not (tmp_path / "back/source/old").exists()
    assert "source/old" in result.stderr
    assert "source/new" not in result.stderr


def test_a_damaged_index_costs_only_what_it_names(
    made: Bkp, repo_path: Path, tmp_path: Path
) -> None:
    index = objects(repo_path, "index")[0]
    index.chmod(0o600)
    index.write_bytes(b"damaged")

    def run(*args: str, code: int) -> CompletedProcess[str]:
        """Run without a cache, which may know what the index said."""
        return made.run(*args, "--no-cache", cwd=tmp_path, code=code)

    result = run("restore", "--target", "back", code=3)

    assert (tmp_path / "back/source/new").read_text() == "new" * 100
    assert f"index/{index.name}" in result.stderr
    assert "source/old" in result.stderr
    assert run("dump", "latest", "/source/new", code=1).stdout == "new" * 100
    assert "damaged" in run("snapshot", "source", code=1).stderr


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["ls"], "/source/new"),
        (["find", "new"], "/source/new"),
        (["diff", "latest", "latest"], "files:"),
        (["stats"], "entries:"),
        (["cat", "latest:/source/new"], "new" * 100),
    ],
)
def test_who_looks_sees_what_the_intact_indexes_name(
    made: Bkp, repo_path: Path, command: list[str], shown: str
) -> None:
    index = objects(repo_path, "index")[0]
    index.chmod(0o600)
    index.write_bytes(b"damaged")

    result = made.run(*command, code=1)

    assert shown in result.stdout
    assert f"index/{index.name}: damaged" in result.stderr
    assert "`bkp repair index` replaces it" in result.stderr


def test_a_check_says_how_little_it_read(made: Bkp, repo_path: Path) -> None:
    read = {path.name[:2] for path in objects(repo_path, "data")}
    part = next(n for n in range(256) if f"{n:02x}" not in read)

    assert "read 0 of 4 packs" in made.run("check", "--read-data-subset", f"{part + 1}/256").stdout
    assert "read 4 of 4 packs" in made.run("check", "--read-data").stdout
    assert "read" not in made.run("check").stdout
