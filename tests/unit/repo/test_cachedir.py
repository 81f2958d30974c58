"""What is kept on this machine is nobody else's to read or to write, and whole or not there."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

import pytest

from bkp.repo.cachedir import CacheDirectory


@pytest.fixture
def kept(tmp_path: Path) -> CacheDirectory:
    return CacheDirectory(tmp_path / "cache", "repo")


def write_this(file: BinaryIO) -> None:
    file.write(b"this")


def write_other(file: BinaryIO) -> None:
    file.write(b"other")


def read(kept: CacheDirectory, name: str) -> bytes:
    with kept.open(name) as file:
        return file.read()


def test_nobody_else_can_read_it(tmp_path: Path, kept: CacheDirectory) -> None:
    old = os.umask(0)
    try:
        kept.replace("name", write_this)
    finally:
        os.umask(old)

    for path, mode in (("cache", 0o700), ("cache/repo", 0o700), ("cache/repo/name", 0o600)):
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == mode


@pytest.mark.parametrize("path", ["cache/repo", "cache/repo/name"])
def test_what_others_may_write_is_not_opened(
    tmp_path: Path, kept: CacheDirectory, path: str
) -> None:
    kept.replace("name", write_this)
    assert read(kept, "name") == b"this"

    (tmp_path / path).chmod(0o770)

    with pytest.raises(PermissionError, match="others may write"):
        kept.open("name")


def test_nothing_is_put_where_others_may_write(tmp_path: Path, kept: CacheDirectory) -> None:
    (tmp_path / "cache" / "repo").mkdir(parents=True)
    (tmp_path / "cache" / "repo").chmod(0o777)

    with pytest.raises(PermissionError):
        kept.replace("name", write_this)

    assert list((tmp_path / "cache" / "repo").iterdir()) == []


def test_a_file_is_replaced_as_a_whole_or_not(tmp_path: Path, kept: CacheDirectory) -> None:
    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError("no room")

    kept.replace("name", write_this)
    with kept.open("name") as opened:
        with pytest.raises(OSError, match="no room"):
            kept.replace("name", fail)
        assert read(kept, "name") == b"this"
        kept.replace("name", write_other)

        assert read(kept, "name") == b"other"
        assert opened.read() == b"this"
    assert {path.name for path in (tmp_path / "cache/repo").iterdir()} == {"name", "CACHEDIR.TAG"}


def test_only_what_a_killed_run_left_long_ago_is_removed(
    tmp_path: Path, kept: CacheDirectory
) -> None:
    directory = tmp_path / "cache" / "repo"
    directory.mkdir(parents=True, mode=0o700)
    for name, mtime in (("name-tmp-old", 0), ("name-tmp-new", None), ("other", 0)):
        (directory / name).write_bytes(b"")
        if mtime is not None:
            os.utime(directory / name, (mtime, mtime))

    kept.replace("name", write_this)

    left = {path.name for path in directory.iterdir()}
    assert left == {"name", "name-tmp-new", "other", "CACHEDIR.TAG"}


def test_using_it_is_to_be_seen_from_outside(kept: CacheDirectory) -> None:
    kept.replace("name", write_this)
    os.utime(kept.path, (0, 0))

    read(kept, "name")

    assert kept.path.stat().st_mtime_ns > 0
