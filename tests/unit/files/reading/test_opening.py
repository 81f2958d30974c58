"""Files are opened without traces, and only if they are still files."""

import os
from pathlib import Path

import pytest

from bkp.errors import SourceError
from bkp.files.reach import lstat, reach
from bkp.files.reading.opening import open_file
from bkp.files.reading.walk import Entry, entry_at
from trees import Fifo, Symlink, build


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    build(tmp_path, {"f": b"contents"})
    source = os.fsencode(tmp_path / "f")
    return entry_at(source, os.lstat(source))


def test_contents_and_status_are_those_of_the_open_file(entry: Entry) -> None:
    with open(entry.source, "ab") as file:
        file.write(b" and more")

    with open_file(entry) as opened:
        os.unlink(entry.source)
        assert opened.stat.st_size == len(b"contents and more")
        assert opened.stream.read(8) == b"contents"
        assert opened.stream.read() == b" and more"


def test_reading_leaves_the_access_time_alone(entry: Entry) -> None:
    os.utime(entry.source, ns=(1, 2))

    with open_file(entry) as opened:
        opened.stream.read()

    assert os.stat(entry.source).st_atime_ns == 1


def test_the_file_is_closed_afterwards(entry: Entry) -> None:
    with open_file(entry) as opened:
        stream = opened.stream

    assert stream.closed


@pytest.mark.parametrize("other", [Fifo(), Symlink("/etc/passwd"), {}])
def test_what_is_no_file_any_more_is_refused(entry: Entry, other: Fifo | Symlink) -> None:
    os.unlink(entry.source)
    build(os.path.dirname(entry.source), {"f": other})

    with pytest.raises(SourceError) as caught, open_file(entry):
        pass
    assert caught.value.path == entry.source


def test_what_vanished_is_refused(entry: Entry) -> None:
    os.unlink(entry.source)

    with pytest.raises(SourceError, match="cannot open: no such file"), open_file(entry):
        pass


def test_a_failure_while_reading_is_of_the_source() -> None:
    """The memory of this process cannot be read at address zero."""
    source = b"/proc/self/mem"
    entry = entry_at(source, os.lstat(source))

    with open_file(entry) as opened:
        with pytest.raises(SourceError, match="cannot read"):
            opened.stream.read(1)
        with pytest.raises(SourceError, match="cannot read"):
            opened.stream.readinto(bytearray(1))


def test_short_paths_are_used_as_they_are() -> None:
    with reach(b"/a/b") as path:
        assert path == b"/a/b"


@pytest.mark.parametrize("length", [3990, 4000, 4001, 4095, 4096, 8100, 12_000])
def test_paths_of_any_length_are_reached(tmp_path: Path, length: int) -> None:
    path = os.fsencode(tmp_path)
    fd = os.open(path, os.O_RDONLY)
    while len(path) < length:
        name = b"x" * max(1, min(200, length - len(path) - 1))
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
        path += b"/" + name
    expected = os.fstat(fd)
    before = len(os.listdir("/proc/self/fd"))

    assert lstat(path) == expected
    os.close(fd)
    assert len(os.listdir("/proc/self/fd")) == before - 1
    with pytest.raises(FileNotFoundError):
        lstat(path + b"/no")
    assert len(os.listdir("/proc/self/fd")) == before - 1
