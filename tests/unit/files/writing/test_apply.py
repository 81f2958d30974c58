import os
import stat
from pathlib import Path

import pytest

from bkp.files.writing.apply import Attribute, apply_attributes, modified
from memoryrepo import MTIME, make_node, xattrs

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may do it")


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    return str(path)


def test_mode_and_times_are_set(path: str) -> None:
    node = make_node(b"f", stat.S_IFREG | 0o1640, mtime_ns=-1)
    node.atime = "2001-02-03T04:05:06.000000007Z"

    assert apply_attributes(path, node) == []

    status = os.stat(path)
    assert stat.S_IMODE(status.st_mode) == 0o1640
    assert status.st_mtime_ns == -1
    assert status.st_atime_ns == 981_173_106_000_000_007


def test_an_open_descriptor_will_do(path: str) -> None:
    fd = os.open(path, os.O_RDWR)

    assert apply_attributes(fd, make_node(b"f", stat.S_IFREG | 0o600)) == []

    os.close(fd)
    assert os.stat(path).st_mtime_ns == MTIME


def test_times_can_be_left_alone(path: str) -> None:
    before = os.stat(path).st_mtime_ns

    apply_attributes(path, make_node(b"f", stat.S_IFREG | 0o600), with_times=False)

    assert os.stat(path).st_mtime_ns == before


def test_times_nobody_knows_are_left_alone(path: str) -> None:
    before = os.stat(path).st_mtime_ns
    node = make_node(b"f", stat.S_IFREG | 0o600)
    node.mtime = node.atime = ""

    assert apply_attributes(path, node) == []
    assert os.stat(path).st_mtime_ns == before
    assert modified(node) is None


@needs_root
def test_set_id_bits_survive_the_change_of_owner(path: str) -> None:
    node = make_node(b"f", stat.S_IFREG | 0o6755, uid=12345, gid=23456)

    assert apply_attributes(path, node) == []

    status = os.stat(path)
    assert (status.st_uid, status.st_gid) == (12345, 23456)
    assert stat.S_IMODE(status.st_mode) == 0o6755


def test_set_id_bits_are_withheld_from_another_owner(path: str) -> None:
    node = make_node(b"f", stat.S_IFREG | 0o6755, uid=2**32 - 1)

    failed = apply_attributes(path, node)

    assert [shortfall.attribute for shortfall in failed] == [Attribute.OWNER, Attribute.SET_ID]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o755
    assert os.stat(path).st_uid == os.geteuid()


def test_extended_attributes_become_exactly_those_of_the_node(path: str) -> None:
    os.setxattr(path, "user.old", b"1")
    os.setxattr(path, "user.both", b"1")
    node = make_node(b"f", stat.S_IFREG | 0o400)
    node.extended_attributes = xattrs({"user.both": b"\0\xff", "user.new": b""})

    assert apply_attributes(path, node) == []

    assert {name: os.getxattr(path, name) for name in os.listxattr(path)} == {
        "user.both": b"\0\xff",
        "user.new": b"",
    }


@needs_root
def test_capabilities_survive_the_change_of_owner(path: str) -> None:
    capability = bytes.fromhex("0100000200200000000000000000000000000000")
    node = make_node(b"f", stat.S_IFREG | 0o755, uid=12345)
    node.extended_attributes = xattrs({"security.capability": capability})

    assert apply_attributes(path, node) == []

    assert os.getxattr(path, "security.capability") == capability


def test_access_control_lists_come_back_and_go(path: str) -> None:
    # version 2; user::rw- user:12345:r-- group::r-- mask::r-- other::---
    entries = [(1, 6, 2**32 - 1), (2, 4, 12345), (4, 4, 2**32 - 1), (16, 4, 2**32 - 1)]
    acl = b"\2\0\0\0" + b"".join(
        tag.to_bytes(2, "little") + rights.to_bytes(2, "little") + who.to_bytes(4, "little")
        for tag, rights, who in [*entries, (32, 0, 2**32 - 1)]
    )
    node = make_node(b"f", stat.S_IFREG | 0o640)
    node.extended_attributes = xattrs({"system.posix_acl_access": acl})

    assert apply_attributes(path, node) == []
    assert os.getxattr(path, "system.posix_acl_access") == acl
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640

    node.extended_attributes = []
    assert apply_attributes(path, node) == []
    assert os.listxattr(path) == []


def test_an_attribute_of_an_unknown_namespace_is_a_shortfall(path: str) -> None:
    node = make_node(b"f", stat.S_IFREG | 0o600)
    node.extended_attributes = xattrs({"nowhere.x": b"1", "user.\udcff": b"2"})

    failed = apply_attributes(path, node)

    assert [shortfall.attribute for shortfall in failed] == [Attribute.XATTR, Attribute.XATTR]


def test_a_time_that_is_none_is_a_shortfall(path: str) -> None:
    node = make_node(b"f", stat.S_IFREG | 0o600)
    node.mtime = "yesterday"

    assert [shortfall.attribute for shortfall in apply_attributes(path, node)] == [Attribute.TIMES]
