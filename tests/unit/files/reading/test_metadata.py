"""A node says what the system says of an entry, by the rules trees have.

That it is restic's node byte for byte is tested in interop.
"""

import errno
import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bkp.errors import SourceError
from bkp.events import Event, Problem, ignore
from bkp.files.reading.metadata import NodeReader
from bkp.files.reading.walk import Entry, Step, entry_at
from bkp.files.reading.xattrs import read_xattr
from bkp.formats.tree import Xattr
from bkp.times import UTC
from trees import Device, File, Symlink, build

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def entry_of(path: Path | bytes) -> Entry:
    source = os.fsencode(path)
    return entry_at(source, os.lstat(source))


def test_access_times_are_stored_only_on_request(tmp_path: Path) -> None:
    build(tmp_path, {"f": b""})
    os.utime(tmp_path / "f", ns=(1, 2))
    entry = entry_of(tmp_path / "f")

    without = NodeReader(UTC, ignore).read(entry)
    with_atime = NodeReader(UTC, ignore, with_atime=True).read(entry)

    assert without.atime == without.mtime == "1970-01-01T00:00:00.000000002Z"
    assert with_atime.atime == "1970-01-01T00:00:00.000000001Z"


def test_a_fresher_status_is_believed(tmp_path: Path) -> None:
    build(tmp_path, {"f": b""})
    entry = entry_of(tmp_path / "f")
    (tmp_path / "f").write_bytes(b"12345")

    assert NodeReader(UTC, ignore).read(entry).size == 0
    assert NodeReader(UTC, ignore).read(entry, os.stat(tmp_path / "f")).size == 5


def test_a_link_target_that_is_not_utf8_is_kept(tmp_path: Path) -> None:
    build(tmp_path, {"l": Symlink(b"caf\xe9")})

    node = NodeReader(UTC, ignore).read(entry_of(tmp_path / "l"))

    assert node.target == node.linktarget_raw == b"caf\xe9"


def test_a_link_that_vanished_cannot_be_read(tmp_path: Path) -> None:
    build(tmp_path, {"l": Symlink("x")})
    entry = entry_of(tmp_path / "l")
    os.unlink(tmp_path / "l")

    with pytest.raises(SourceError, match="no such file") as caught:
        NodeReader(UTC, ignore).read(entry)
    assert caught.value.path == entry.source


def test_metadata_that_cannot_be_read_leaves_a_node_and_a_report(tmp_path: Path) -> None:
    build(tmp_path, {"f": b"x"})
    entry = entry_of(tmp_path / "f")
    os.unlink(tmp_path / "f")
    events: list[Event] = []

    node = NodeReader(UTC, events.append).read(entry)

    assert (node.name, node.size, node.extended_attributes) == (b"f", 1, [])
    assert events == [
        Problem(
            "archival",
            entry.source,
            f"cannot list extended attributes: {os.strerror(errno.ENOENT).lower()}",
        )
    ]


def test_an_attribute_that_vanished_has_no_value(tmp_path: Path) -> None:
    build(tmp_path, {"f": b""})

    assert read_xattr(os.fsencode(tmp_path / "f"), "user.gone") == Xattr("user.gone", None)


def test_attributes_above_a_target_may_be_hidden_from_us() -> None:
    events: list[Event] = []
    with TemporaryDirectory() as name:
        build(name, {"closed": {"d": {}}})
        entry = entry_of(Path(name, "closed", "d"))._replace(step=Step.ENTER)
        os.chmod(f"{name}/closed", 0)
        me = os.geteuid()
        if me == 0:
            os.seteuid(65534)
        try:
            NodeReader(UTC, events.append).read(entry._replace(is_followed=True))
            assert events == []
            NodeReader(UTC, events.append).read(entry)
            assert len(events) == 1
        finally:
            os.seteuid(me)
            os.chmod(f"{name}/closed", 0o700)


def test_the_name_in_the_tree_is_the_one_stored(tmp_path: Path) -> None:
    build(tmp_path, {"f": b""})
    entry = entry_of(tmp_path / "f")._replace(name=b"f-1")

    assert NodeReader(UTC, ignore).read(entry).name == b"f-1"


@needs_root
def test_devices_have_numbers_and_links_but_no_size(tmp_path: Path) -> None:
    build(tmp_path, {"c": Device(is_block=False, major=1, minor=3)})

    node = NodeReader(UTC, ignore).read(entry_of(tmp_path / "c"))

    assert (node.type, node.device, node.links, node.size) == ("chardev", os.makedev(1, 3), 1, 0)
    assert stat.S_ISCHR(os.lstat(tmp_path / "c").st_mode)


@needs_root
def test_attributes_of_a_link_are_its_own(tmp_path: Path) -> None:
    """restic's since 0.16; before, it left those of links out."""
    build(
        tmp_path,
        {
            "f": File(xattrs={"trusted.f": b"1"}),
            "l": Symlink("f", xattrs={"trusted.l": b"2"}),
        },
    )

    node = NodeReader(UTC, ignore).read(entry_of(tmp_path / "l"))

    assert [(found.name, found.value) for found in node.extended_attributes] == [
        ("trusted.l", b"2")
    ]
