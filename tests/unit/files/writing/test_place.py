import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bkp.errors import SourceError
from bkp.files.writing.place import (
    handle,
    is_name,
    is_same_file,
    like_new,
    look,
    make_directory,
    make_hard_link,
    make_special,
    make_symlink,
    open_up,
    same_as,
)
from bkp.files.writing.target import Directory, Identity, Presence, Target
from memoryrepo import make_node


def anything(status: os.stat_result) -> bool:  # noqa: ARG001
    return True


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    (tmp_path / "here").touch()
    with Target(bytes(tmp_path), make=True) as target:
        yield target


@pytest.mark.parametrize("name", [b"", b".", b"..", b"/", b"a/b", b"../x", b"a/", b"/etc", b"a\0b"])
def test_what_leads_elsewhere_is_no_name(name: bytes) -> None:
    assert not is_name(name)


@given(st.binary(min_size=1, max_size=20).filter(lambda name: not {*b"/\0"} & {*name}))
def test_any_other_bytes_are_a_name(name: bytes) -> None:
    assert is_name(name) == (name not in {b".", b".."})


def test_looking_tells_of_the_link_itself(target: Target, tmp_path: Path) -> None:
    (tmp_path / "l").symlink_to("here")

    status = look(target, target.root, b"l")

    assert status is not None
    assert stat.S_ISLNK(status.st_mode)
    assert look(target, target.root, b"gone") is None


def test_a_directory_is_made_for_its_owner_alone(target: Target, tmp_path: Path) -> None:
    directory = Directory(target.root, b"d")

    make_directory(target, directory)

    assert directory.presence is Presence.NEW
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o700


def test_a_closed_directory_is_opened_to_its_owner(target: Target, tmp_path: Path) -> None:
    path = tmp_path / "d"
    path.mkdir(0o055)

    open_up(target, Directory(target.root, b"d"), path.stat())

    assert stat.S_IMODE(path.stat().st_mode) == 0o755


@pytest.mark.parametrize("to", [b"../\xff", b"/etc/passwd", b"x" * 4000])
def test_a_symlink_may_lead_anywhere(target: Target, tmp_path: Path, to: bytes) -> None:
    make_symlink(target, target.root, b"l", to)

    assert os.readlink(bytes(tmp_path / "l")) == to


@pytest.mark.parametrize("to", [b"", b"a\0b", b"x" * 5000])
def test_a_symlink_no_system_can_make_is_refused(target: Target, to: bytes) -> None:
    with pytest.raises(SourceError):
        make_symlink(target, target.root, b"l", to)


def make_anything(target: Target, name: bytes, what: str) -> None:
    if what == "symlink":
        make_symlink(target, target.root, name, b"x")
    elif what == "fifo":
        make_special(target, target.root, name, make_node(name, stat.S_IFIFO, type="fifo"))
    elif what == "directory":
        make_directory(target, Directory(target.root, name))
    else:
        make_hard_link(target, (target.root, b"here"), target.root, name)


@pytest.mark.parametrize("what", ["symlink", "fifo", "directory", "link"])
def test_nothing_is_replaced(target: Target, tmp_path: Path, what: str) -> None:
    with pytest.raises(SourceError, match="file exists") as caught:
        make_anything(target, b"here", what)

    assert caught.value.path == b"/here"
    assert (tmp_path / "here").is_file()


def test_a_fifo_and_a_socket_are_made(target: Target, tmp_path: Path) -> None:
    make_special(target, target.root, b"p", make_node(b"p", stat.S_IFIFO, type="fifo"))
    make_special(target, target.root, b"s", make_node(b"s", stat.S_IFSOCK, type="socket"))

    assert stat.S_ISFIFO((tmp_path / "p").stat().st_mode)
    assert stat.S_ISSOCK((tmp_path / "s").stat().st_mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make devices")
@pytest.mark.parametrize(("type_name", "bits"), [("dev", stat.S_IFBLK), ("chardev", stat.S_IFCHR)])
def test_a_device_keeps_its_number(
    target: Target, tmp_path: Path, type_name: str, bits: int
) -> None:
    node = make_node(b"n", bits, type=type_name, device=os.makedev(7, 300))

    assert make_special(target, target.root, b"n", node) is None

    status = (tmp_path / "n").stat()
    assert stat.S_IFMT(status.st_mode) == bits
    assert status.st_rdev == os.makedev(7, 300)


def test_a_hard_link_of_a_symlink_is_one_of_the_link(target: Target, tmp_path: Path) -> None:
    (tmp_path / "l").symlink_to("here")

    make_hard_link(target, (target.root, b"l"), target.root, b"m")

    assert (tmp_path / "m").is_symlink()
    assert is_same_file(target, (target.root, b"l"), os.lstat(tmp_path / "m"))
    assert not is_same_file(target, (target.root, b"here"), os.lstat(tmp_path / "m"))


def test_a_handle_is_the_link_and_not_what_it_leads_to(target: Target, tmp_path: Path) -> None:
    (tmp_path / "l").symlink_to("here")
    before = (tmp_path / "here").stat()

    with handle(target, target.root, b"l", anything) as entry:
        os.utime(entry, ns=(1, 1))

    assert os.lstat(tmp_path / "l").st_mtime_ns == 1
    assert (tmp_path / "here").stat() == before


def test_a_handle_stays_with_its_entry(target: Target, tmp_path: Path) -> None:
    (tmp_path / "other").touch()

    with handle(target, target.root, b"here", anything) as entry:
        os.rename(tmp_path / "here", tmp_path / "moved")
        (tmp_path / "here").symlink_to("other")
        os.chmod(entry, 0o123)

    assert stat.S_IMODE((tmp_path / "moved").stat().st_mode) == 0o123
    assert stat.S_IMODE((tmp_path / "other").stat().st_mode) != 0o123


def test_a_handle_is_not_given_of_what_became_another_entry(target: Target, tmp_path: Path) -> None:
    before = same_as(Identity.of((tmp_path / "here").stat()))
    (tmp_path / "here").rename(tmp_path / "moved")
    (tmp_path / "here").touch()

    with (
        pytest.raises(SourceError, match="became another entry"),
        handle(target, target.root, b"here", before),
    ):
        pytest.fail("it was given")


@pytest.mark.parametrize("kind", ["symlink", "fifo"])
def test_what_is_new_has_one_name_and_is_what_was_made(
    target: Target, tmp_path: Path, kind: str
) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "symlink").symlink_to("here")
    with handle(target, target.root, kind.encode(), like_new(kind)):
        pass

    os.link(tmp_path / kind, tmp_path / "second", follow_symlinks=False)

    for name in (kind.encode(), b"here"):
        with pytest.raises(SourceError), handle(target, target.root, name, like_new(kind)):
            pytest.fail("it was given")
