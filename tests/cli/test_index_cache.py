"""Where copies of indexes are kept: options, the environment, the default, nowhere."""

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
