"""Where copies of indexes are kept: options, the environment, the default, nowhere."""

import json
import os
import shutil
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from bkp.formats.index import IndexedPack, encode_index
from bkp.formats.pack import BlobType, PackedBlob
from bkp.ids import PackId, blob_id
from bkp.store.base import Kind, ObjectName
from bkp.store.local import LocalStore
from program import Bkp
from repos import PASSWORD, make_repo


@pytest.fixture
def bkp(tmp_path: Path, repo_path: Path) -> Bkp:
    """Return a bkp on a repository whose index is worth keeping."""
    store = LocalStore.create(repo_path)
    blobs = [PackedBlob(BlobType.DATA, blob_id(b"%d" % n), 50 * n, 50, 0) for n in range(20_000)]
    text = encode_index([IndexedPack(PackId(bytes(32)), blobs)], 2)
    sealed = make_repo(store).envelope.seal_file(text)
    store.put(ObjectName(Kind.INDEX, sha256(sealed).hexdigest()), sealed)
    (tmp_path / "home").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    return Bkp(repo_path, tmp_path / "home", PASSWORD)


@pytest.mark.parametrize(
    ("args", "env", "where"),
    [
        ((), {}, "home/.cache/bkp"),
        ((), {"XDG_CACHE_HOME": "{}/xdg"}, "xdg/bkp"),
        ((), {"RESTIC_CACHE_DIR": "{}/restic"}, "restic/bkp"),
        ((), {"RESTIC_CACHE_DIR": "{}/restic", "BKP_CACHE_DIR": "{}/own"}, "own"),
        (("--cache-dir", "{}/given"), {"BKP_CACHE_DIR": "{}/own"}, "given"),
        (("--no-cache",), {"BKP_CACHE_DIR": "{}/own"}, None),
    ],
)
def test_the_index_is_kept_where_it_was_asked_for(
    tmp_path: Path, bkp: Bkp, args: Sequence[str], env: dict[str, str], where: str | None
) -> None:
    given = [arg.format(tmp_path) for arg in args]
    variables = {key: value.format(tmp_path) for key, value in env.items()}

    bkp.run("snapshot", "file", *given, cwd=tmp_path, env=variables)

    kept = [path.parent.parent for path in tmp_path.rglob("blobs")]
    assert kept == ([tmp_path / where] if where else [])


def test_a_run_goes_on_where_nothing_can_be_kept(tmp_path: Path, bkp: Bkp) -> None:
    bkp.run("snapshot", "file", "--cache-dir", "/dev/null/x", cwd=tmp_path)


def test_what_is_kept_is_listed_and_removed_without_a_repository(
    tmp_path: Path, bkp: Bkp, repo_path: Path
) -> None:
    identity = json.loads(bkp.run("cat", "config").stdout)["id"]
    bkp.run("snapshot", "file", cwd=tmp_path)
    shutil.rmtree(repo_path)
    del bkp.env["BKP_PASSWORD"]
    cache = tmp_path / "home" / ".cache" / "bkp"

    assert identity[:8] in bkp.run("cache").stdout
    (found,) = bkp.lines("cache")[0]
    assert found["repository"] == identity
    assert found["old"] is False
    assert found["size"] == sum(path.stat().st_size for path in (cache / identity).iterdir())
    assert bkp.run("cache", "--cleanup").stdout.startswith("removed 0 directories from ")
    removed = bkp.lines("cache", "--cleanup", "--max-age", "0")
    assert removed == [{"removed": [identity], "unfinished_files": 0}]
    assert list(cache.iterdir()) == []
    assert bkp.run("cache").stdout == f"nothing is kept in {cache}\n"


def test_what_was_not_used_for_long_is_old(tmp_path: Path, bkp: Bkp) -> None:
    bkp.run("snapshot", "file", cwd=tmp_path)
    (kept,) = (tmp_path / "home" / ".cache" / "bkp").iterdir()
    month_ago = time.time() - 31 * 24 * 60 * 60
    os.utime(kept, (month_ago, month_ago))

    assert bkp.lines("cache", "--no-size")[0][0].keys() == {"repository", "last_used", "old"}
    assert "  yes  " in bkp.run("cache").stdout
    assert "removes the old ones" in bkp.run("cache").stdout
    assert "  yes  " not in bkp.run("cache", "--max-age", "32").stdout
    bkp.run("ls")  # which uses it
    assert "  yes  " not in bkp.run("cache").stdout


def test_what_bkp_did_not_make_is_told_of_and_stays(tmp_path: Path, bkp: Bkp) -> None:
    bkp.run("snapshot", "file", cwd=tmp_path)
    (kept,) = (tmp_path / "home" / ".cache" / "bkp").iterdir()
    (kept / "\x1b[31mmine").write_bytes(b"")

    result = bkp.run("cache", "--cleanup", "--max-age", "0", code=1)

    assert "it holds \\x1b[31mmine, which bkp did not make" in result.stderr
    assert (kept / "blobs").exists()


def test_no_cache_is_nothing_to_look_at(bkp: Bkp) -> None:
    assert "no cache" in bkp.run("cache", "--no-cache", code=2).stderr
