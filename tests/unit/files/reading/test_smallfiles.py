"""Files that are as the walk met them are read in one go, all others are left alone."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bkp.files.reading.smallfiles import read_small_files
from bkp.files.reading.walk import Run
from bkp.files.status import EMPTY, FULL, UNREAD, look_at_each


def look(path: Path) -> Run:
    source, name = os.fsencode(path.parent) + b"/", os.fsencode(path.name)
    return Run(b"/", source, [name], look_at_each(source, [name]), 0, 1)


def make(path: Path, contents: bytes = b"contents") -> Run:
    path.write_bytes(contents)
    return look(path)


def read(run: Run) -> bytes | None:
    """Read a file between two others, which must not suffer."""
    directory = Path(os.fsdecode(run.source))
    first, last = make(directory / "first", b"first"), make(directory / "last", b"last")
    data, verdicts, pieces = read_small_files([first, run, last])
    contents = [bytes(data[offset : offset + length]) for offset, length in pieces]
    assert (contents[0], contents[-1]) == (b"first", b"last")
    assert (verdicts[0], verdicts[2]) == (FULL, FULL)
    assert len(contents) == 2 + (verdicts[1] == FULL)
    return {UNREAD: None, EMPTY: b"", FULL: contents[1]}[verdicts[1]]


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 300_000])
def test_a_file_is_read_whole(tmp_path: Path, size: int) -> None:
    contents = os.urandom(size)
    assert read(make(tmp_path / "f", contents)) == contents


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"!")


def _shrink(path: Path) -> None:
    os.truncate(path, 3)


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def _chmod(path: Path) -> None:
    path.chmod(0o600)


def _link(path: Path) -> None:
    path.with_name("other").hardlink_to(path)


def _replace(path: Path) -> None:
    path.with_name("new").write_bytes(path.read_bytes())
    path.with_name("new").rename(path)


def _symlink(path: Path) -> None:
    path.rename(path.with_name("old"))
    path.symlink_to("old")


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _set_attribute(path: Path) -> None:
    os.setxattr(path, b"user.a", b"1")


@pytest.mark.parametrize(
    "change",
    [
        _grow,
        _shrink,
        _touch,
        _chmod,
        _link,
        _replace,
        _symlink,
        _fifo,
        _directory,
        _set_attribute,
        Path.unlink,
    ],
)
def test_what_changed_since_the_walk_is_left_alone(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "f"
    run = make(path)
    change(path)
    assert read(run) is None


def test_what_has_more_than_it_says_is_left_alone() -> None:
    run = look(Path("/proc/self/status"))  # says that it is empty
    assert read_small_files([run]).verdicts == bytes([UNREAD])


def test_a_directory_that_is_gone_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    run = make(tmp_path / "d" / "f")
    (tmp_path / "d").rename(tmp_path / "e")
    assert read_small_files([run]).verdicts == bytes([UNREAD])


def test_some_files_of_several_directories_are_read(tmp_path: Path) -> None:
    runs = []
    for directory in (tmp_path / "a", tmp_path / "b"):
        directory.mkdir()
        for name in "pqrst":
            (directory / name).write_bytes(f"{directory.name}{name}".encode())
        names, source = [name.encode() for name in "pqrst"], os.fsencode(directory) + b"/"
        runs.append(Run(b"/", source, names, look_at_each(source, names), 1, 4))

    data, verdicts, pieces = read_small_files(runs)

    assert verdicts == bytes([FULL] * 6)
    read = [bytes(data[offset : offset + length]) for offset, length in pieces]
    assert read == [b"aq", b"ar", b"as", b"bq", b"br", b"bs"]


def test_the_access_time_stays(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"contents")
    os.utime(path, ns=(10**18, 2 * 10**18))  # relatime would touch it
    assert read(look(path)) == b"contents"
    assert os.lstat(path).st_atime_ns == 10**18
