import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bkp.errors import SourceError
from bkp.files.writing.contents import (
    ContentsWriter,
    TargetFile,
    is_incomplete,
    opened_for_comparison,
    read_piece,
)
from bkp.files.writing.target import Identity, Target


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    with Target(bytes(tmp_path), make=True) as target:
        yield target


@pytest.fixture
def writer(target: Target) -> Iterator[ContentsWriter]:
    with ContentsWriter(target, sparse=True, replace_directories=False) as writer:
        yield writer


def put(writer: ContentsWriter, file: TargetFile, data: bytes, offset: int = 0) -> None:
    with writer.shared(file) as fd:
        writer.write(file, fd, data, offset)


def test_a_new_file_is_for_its_owner_alone_and_marked_as_incomplete(
    target: Target, writer: ContentsWriter, tmp_path: Path
) -> None:
    put(writer, TargetFile(target.root, b"f", 3), b"abc")

    status = (tmp_path / "f").stat()
    assert status.st_mode & 0o777 == 0o600
    assert is_incomplete(status)


def test_pieces_may_come_in_any_order(
    target: Target, writer: ContentsWriter, tmp_path: Path
) -> None:
    file = TargetFile(target.root, b"f", 6)

    put(writer, file, b"def", 3)
    put(writer, file, b"abc", 0)

    assert (tmp_path / "f").read_bytes() == b"abcdef"


def test_many_files_can_be_written_by_turns(
    target: Target, writer: ContentsWriter, tmp_path: Path
) -> None:
    files = [TargetFile(target.root, b"%d" % number, 2) for number in range(200)]

    for offset, data in enumerate([b"a", b"b"]):
        for file in files:
            put(writer, file, data, offset)

    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"ab"}
    assert len(os.listdir("/proc/self/fd")) < 150


@pytest.mark.parametrize("is_last", [False, True])
def test_what_is_lost_when_a_file_makes_room_is_told_of_that_file(
    target: Target, writer: ContentsWriter, monkeypatch: pytest.MonkeyPatch, is_last: bool
) -> None:
    first = TargetFile(target.root, b"first", 2)
    put(writer, first, b"a")
    close = os.close

    def full(fd: int) -> None:
        close(fd)
        raise OSError(errno.EIO, "cannot write what was kept back")

    with monkeypatch.context() as patch:
        patch.setattr(os, "close", full)
        for number in range(100):
            put(writer, TargetFile(target.root, b"%d" % number, 1), b"x")

    end = writer.done if is_last else lambda file: put(writer, file, b"b", 1)
    with pytest.raises(SourceError, match="kept back") as told:
        end(first)
    assert told.value.path == b"/first"


def test_nothing_new_is_written_through_what_is_in_the_way(
    target: Target, writer: ContentsWriter, tmp_path: Path
) -> None:
    (tmp_path / "other").write_bytes(b"o")
    (tmp_path / "f").symlink_to("other")

    with pytest.raises(SourceError, match="file exists"):
        put(writer, TargetFile(target.root, b"f", 3), b"abc")

    assert (tmp_path / "other").read_bytes() == b"o"


def test_what_is_known_to_be_in_the_way_goes(
    target: Target, writer: ContentsWriter, tmp_path: Path
) -> None:
    (tmp_path / "other").write_bytes(b"o")
    (tmp_path / "f").symlink_to("other")
    file = TargetFile(target.root, b"f", 3)
    file.is_in_way = True

    put(writer, file, b"abc")

    assert not (tmp_path / "f").is_symlink()
    assert (tmp_path / "other").read_bytes() == b"o"


def test_a_file_that_was_exchanged_is_not_written_to(
    target: Target, writer: ContentsWriter, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(b"old")
    file = TargetFile(target.root, b"f", 3)
    file.found = Identity.of((tmp_path / "f").stat())
    (tmp_path / "precious").write_bytes(b"keep")
    os.replace(tmp_path / "precious", tmp_path / "f")

    with pytest.raises(SourceError, match="became another file"):
        put(writer, file, b"new")

    assert (tmp_path / "f").read_bytes() == b"keep"


def test_a_file_changed_in_place_is_closed_to_others_and_cut_to_length(
    target: Target, writer: ContentsWriter, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abcdef")
    path.chmod(0o666)
    file = TargetFile(target.root, b"f", 4)
    file.found = Identity.of(path.stat())

    put(writer, file, b"X", 1)

    assert path.read_bytes() == b"aXcd"
    assert path.stat().st_mode & 0o777 == 0o600
    assert is_incomplete(path.stat())


def test_zeros_replace_what_a_changed_file_held(
    target: Target, writer: ContentsWriter, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * 200_000)
    file = TargetFile(target.root, b"f", 200_000)
    file.found = Identity.of(path.stat())

    put(writer, file, bytes(200_000))

    assert path.read_bytes() == bytes(200_000)


def test_zeros_of_a_new_file_take_no_space(
    target: Target, writer: ContentsWriter, tmp_path: Path
) -> None:
    put(writer, TargetFile(target.root, b"f", 10 << 20), bytes(10 << 20))

    status = (tmp_path / "f").stat()
    assert status.st_size == 10 << 20
    assert status.st_blocks == 0


def test_without_sparse_zeros_are_written(target: Target, tmp_path: Path) -> None:
    with ContentsWriter(target, sparse=False, replace_directories=False) as writer:
        put(writer, TargetFile(target.root, b"f", 1 << 20), bytes(1 << 20))

    with (tmp_path / "f").open("rb") as written:
        os.fsync(written)  # until then some file systems have not made up their mind
        assert os.fstat(written.fileno()).st_blocks * 512 >= 1 << 20


def test_a_fifo_is_not_waited_for(target: Target, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f")

    with (
        pytest.raises(SourceError, match="no longer a regular file"),
        opened_for_comparison(target, target.root, b"f"),
    ):
        pass


def test_reading_ends_where_the_file_does(target: Target, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")

    with opened_for_comparison(target, target.root, b"f") as found:
        assert read_piece(found.fd, 2, 0) == b"ab"
        assert read_piece(found.fd, 9, 1) == b"bc"
        assert (found.size, found.is_changeable) == (3, True)


def test_a_link_is_not_compared_with_what_it_leads_to(target: Target, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"o")
    (tmp_path / "f").symlink_to("other")

    with (
        pytest.raises(SourceError, match="symbolic links"),
        opened_for_comparison(target, target.root, b"f"),
    ):
        pass


def test_a_file_with_another_name_may_not_be_changed_in_place(
    target: Target, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    os.link(tmp_path / "f", tmp_path / "elsewhere")

    with opened_for_comparison(target, target.root, b"f") as found:
        assert not found.is_changeable
