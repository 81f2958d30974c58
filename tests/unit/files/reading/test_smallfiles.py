"""Files that are as the walk met them are read in one go, all others are left alone."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bkp.files.reading.smallfiles import is_readable_at_once, read_small_files
from bkp.files.reading.walk import Entry, entry_at
from bkp.files.status import Status, look_at_each


def look(path: Path) -> Entry:
    (status,) = look_at_each(os.fsencode(path.parent) + b"/", [os.fsencode(path.name)])
    assert isinstance(status, Status)
    return entry_at(os.fsencode(path), status)


def make(path: Path, contents: bytes = b"contents") -> Entry:
    path.write_bytes(contents)
    return look(path)


def read(entry: Entry) -> bytes | None:
    """Read a file between two others, which must not suffer."""
    directory = Path(os.fsdecode(entry.source)).parent
    first, last = make(directory / "first", b"first"), make(directory / "last", b"last")
    data, pieces = read_small_files([first, entry, last])
    contents = [piece and bytes(data[piece[0] : sum(piece)]) for piece in pieces]
    assert contents[0] == b"first"
    assert contents[2] == b"last"
    return contents[1]


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
    entry = make(path)
    change(path)
    assert read(entry) is None


def test_what_has_more_than_it_says_is_left_alone() -> None:
    entry = look(Path("/proc/self/status"))  # says that it is empty
    assert read_small_files([entry]).pieces == [None]


def test_only_what_was_looked_at_here_and_can_be_reached_is_read(tmp_path: Path) -> None:
    entry = make(tmp_path / "f")
    assert is_readable_at_once(entry)
    assert not is_readable_at_once(entry._replace(source=entry.source.rjust(4097, b"/")))
    assert not is_readable_at_once(entry._replace(stat=os.lstat(entry.source)))


def test_the_access_time_stays(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"contents")
    os.utime(path, ns=(10**18, 2 * 10**18))  # relatime would touch it
    assert read(look(path)) == b"contents"
    assert os.lstat(path).st_atime_ns == 10**18
