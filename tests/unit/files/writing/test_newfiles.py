"""Many new files at once: the same as one by one, and nothing that is there is touched."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bkp._native.writefiles import write_files
from bkp.files.writing.apply import PlainAttributes, apply_attributes, plain_attributes
from bkp.files.writing.contents import ContentsWriter, TargetFile, is_incomplete
from bkp.files.writing.newfiles import NewFile, Outcome, write_new_files
from bkp.files.writing.place import make_directory
from bkp.files.writing.sparse import HOLE
from bkp.files.writing.target import Directory, Identity, Target
from bkp.formats.tree import Node
from memoryrepo import make_node

ID = (os.geteuid(), os.getegid())
PLAIN = PlainAttributes(*ID, 0o640, 5, 7)
NOBODY = 65534
PERMISSIONS = [0o000, 0o400, 0o644, 0o777]


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    with Target(bytes(tmp_path / "target"), make=True) as target:
        yield target


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "target"


def new(
    directory: Directory, name: bytes, data: bytes, attributes: PlainAttributes | None = PLAIN
) -> NewFile:
    return NewFile(TargetFile(directory, name, len(data)), (0, len(data)), attributes)


def make(target: Target, file: NewFile, data: bytes, *, sparse: bool = True) -> Outcome:
    (outcome,) = write_new_files(target, [file], data, sparse=sparse)
    return outcome


def told(path: Path) -> Sequence[object]:
    status = path.stat()
    return (
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        status.st_mtime_ns,
        status.st_atime_ns,
        status.st_blocks,
    )


def node(mode: int, **fields: object) -> Node:
    return make_node(b"f", stat.S_IFREG | mode, **fields)


@pytest.mark.parametrize(
    "mtime_ns",
    [-(2**63), -1_000_000_001, -1_000_000_000, -1, 0, 1_600_000_000_123_456_789, 2**63 - 1],
)
@pytest.mark.parametrize("mode", PERMISSIONS)
@pytest.mark.parametrize("size", [0, 1, HOLE - 1, HOLE, 3 * HOLE + 5])
def test_a_file_is_as_it_would_be_one_by_one(
    target: Target, path: Path, size: int, mode: int, mtime_ns: int
) -> None:
    data = b"x" * size
    what = node(mode, mtime_ns=mtime_ns)
    attributes = plain_attributes(what)
    assert attributes is not None

    assert make(target, new(target.root, b"many", data, attributes), data) is Outcome.COMPLETE
    one = TargetFile(target.root, b"one", size)
    writer = ContentsWriter(target, sparse=True, replace_directories=False)
    with writer, writer.once(one) as fd:
        writer.write(one, fd, data, 0)
        assert not apply_attributes(fd, what)

    assert told(path / "many") == told(path / "one")
    assert not os.listxattr(path / "many")
    if mode & 0o400 or os.geteuid() == 0:
        assert (path / "many").read_bytes() == data


@pytest.mark.parametrize(
    "special",
    [
        node(0o4755),
        node(0o2755),
        node(0o644, uid=2**32 - 1),
        node(0o644, mtime=""),
        node(0o644, mtime="yesterday"),
        node(0o644, atime="2500-01-01T00:00:00Z"),
        node(0o644, extended_attributes=[{"name": "user.x", "value": "eA=="}]),
    ],
)
def test_what_is_more_than_plain_is_left_to_others(special: Node) -> None:
    assert plain_attributes(special) is None


def test_each_file_gets_its_own_piece_in_its_own_directory(target: Target, path: Path) -> None:
    files = []
    for number in range(100):  # more than are open at once
        directory = Directory(target.root, b"%d" % number)
        make_directory(target, directory)
        files.append(NewFile(TargetFile(directory, b"f", 2), (number, 2), PLAIN))

    outcomes = write_new_files(target, files, bytes(range(200)), sparse=True)

    assert outcomes == [Outcome.COMPLETE] * 100
    assert all((path / f"{n}/f").read_bytes() == bytes([n, n + 1]) for n in range(100))


def test_without_attributes_a_file_stays_marked_as_incomplete(target: Target, path: Path) -> None:
    file = new(target.root, b"f", b"abc", None)

    assert make(target, file, b"abc") is Outcome.WRITTEN
    assert is_incomplete((path / "f").stat())
    assert file.to.found == Identity.of((path / "f").stat())
    assert file.to.is_opened


@pytest.mark.parametrize("there", ["file", "link", "dangling", "directory", "fifo"])
def test_what_is_there_is_not_touched(target: Target, path: Path, there: str) -> None:
    (path.parent / "outside").write_text("keep")
    entry = path / "f"
    if there == "file":
        entry.write_text("keep")
    elif there == "link":
        entry.symlink_to("../outside")
    elif there == "dangling":
        entry.symlink_to("../nothing")
    elif there == "directory":
        entry.mkdir()
    else:
        os.mkfifo(entry)
    before = entry.lstat()

    assert make(target, new(target.root, b"f", b"new"), b"new") is Outcome.NOT_MADE
    assert entry.lstat() == before
    assert (path.parent / "outside").read_text() == "keep"
    assert not (path.parent / "nothing").exists()


def test_a_directory_that_became_a_link_is_not_followed(target: Target, path: Path) -> None:
    (path.parent / "outside").mkdir()
    (path / "d").symlink_to("../outside")
    directory = Directory(target.root, b"d")
    files = [new(directory, b"f", b"x"), new(target.root, b"g", b"x")]

    outcomes = write_new_files(target, files, b"x", sparse=True)

    assert outcomes == [Outcome.NOT_MADE, Outcome.COMPLETE]
    assert not list((path.parent / "outside").iterdir())


@pytest.mark.parametrize(
    "data",
    [bytes(HOLE), b"x" * HOLE + bytes(HOLE), b"x" * HOLE + b"\0", bytes(HOLE) + b"x" * HOLE],
)
def test_holes_are_left_to_those_who_can_make_them(target: Target, path: Path, data: bytes) -> None:
    assert make(target, new(target.root, b"f", data), data) is Outcome.NOT_MADE
    assert not (path / "f").exists()

    assert make(target, new(target.root, b"f", data), data, sparse=False) is Outcome.COMPLETE
    assert (path / "f").read_bytes() == data


def test_zeros_too_few_for_a_hole_are_written(target: Target, path: Path) -> None:
    data = b"x" + bytes(2 * HOLE - 2) + b"x"

    assert make(target, new(target.root, b"f", data), data) is Outcome.COMPLETE
    assert (path / "f").read_bytes() == data


@contextmanager
def as_nobody() -> Iterator[None]:
    """Work without the rights of root, if we have them."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def test_an_owner_that_cannot_be_set_is_left_to_others(target: Target, path: Path) -> None:
    attributes = PLAIN._replace(uid=0)
    path.chmod(0o777)

    with as_nobody():
        assert make(target, new(target.root, b"f", b"x", attributes), b"x") is Outcome.WRITTEN
    assert is_incomplete((path / "f").stat())


def test_inherited_attributes_are_left_to_others(target: Target, path: Path) -> None:
    # Default access control list: owner rwx, group rwx, mask rwx, others none, user 12345 rwx.
    entries = [(1, 7, -1), (2, 7, 12345), (4, 7, -1), (16, 7, -1), (32, 0, -1)]
    packed = (2).to_bytes(4, "little") + b"".join(
        tag.to_bytes(2, "little")
        + rights.to_bytes(2, "little")
        + (who & 0xFFFFFFFF).to_bytes(4, "little")
        for tag, rights, who in entries
    )
    os.setxattr(path, "system.posix_acl_default", packed)

    assert make(target, new(target.root, b"f", b"x"), b"x") is Outcome.WRITTEN
    assert os.listxattr(path / "f")


@pytest.mark.parametrize("name", [b"a/b", b"..//x", b"a\0b"])
def test_a_name_that_is_none_is_refused(name: bytes) -> None:
    with pytest.raises(ValueError, match="name"):
        write_files(b"", [(-1, name, 0, 0, None)], 0)


@pytest.mark.parametrize("piece", [(0, 4), (4, 0), (2, 2), (2**63, 2**63)])
def test_a_piece_beyond_the_data_is_refused(piece: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="beyond"):
        write_files(b"abc", [(-1, b"f", *piece, None)], 0)
