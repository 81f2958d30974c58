"""What is seen of many entries at once is what the system says of each."""

import errno
import os
from pathlib import Path

import pytest

from bkp.files.status import Status, look_at_each

FIELDS = [
    "st_mode",
    "st_ino",
    "st_dev",
    "st_nlink",
    "st_uid",
    "st_gid",
    "st_rdev",
    "st_size",
    "st_atime_ns",
    "st_mtime_ns",
    "st_ctime_ns",
]


def look(directory: Path, *names: bytes) -> list[Status | int]:
    return list(look_at_each(os.fsencode(directory) + b"/", list(names)))


def test_all_that_is_said_is_right(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 5000)
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "dir").mkdir()
    os.mkfifo(tmp_path / "fifo", 0o640)
    os.mknod(tmp_path / "device", 0o020600, os.makedev(7, 300))
    os.chown(tmp_path / "file", 2**31 + 5, 70_000)
    os.utime(tmp_path / "file", ns=(-1, -1_500_000_001))
    os.utime(tmp_path / "link", ns=(7_999_999_999, 7_999_999_999), follow_symlinks=False)
    os.utime(tmp_path / "fifo", ns=(2**63, 2**63))  # the year 2262
    (tmp_path / "other").hardlink_to(tmp_path / "file")

    names = [entry.name.encode() for entry in tmp_path.iterdir()]
    for name, status in zip(names, look(tmp_path, *names), strict=True):
        expected = os.lstat(os.fsencode(tmp_path) + b"/" + name)
        assert [getattr(status, field) for field in FIELDS] == [
            getattr(expected, field) for field in FIELDS
        ]


def test_attributes_are_seen_on_whatever_has_them(tmp_path: Path) -> None:
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
    os.setxattr(tmp_path / "with", b"user.a", b"1")
    (tmp_path / "link").symlink_to("with")
    (tmp_path / "marked").symlink_to("without")
    os.setxattr(tmp_path / "marked", b"trusted.a", b"1", follow_symlinks=False)

    seen = look(tmp_path, b"with", b"without", b"link", b"marked")
    assert [isinstance(s, Status) and s.has_xattrs for s in seen] == [True, False, False, True]


def test_an_error_concerns_only_its_entry(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    gone, status, too_long = look(tmp_path, b"gone", b"f", b"x" * 300)
    assert gone == errno.ENOENT
    assert isinstance(status, Status)
    assert too_long == errno.ENAMETOOLONG


def test_a_directory_that_cannot_be_entered_is_an_error_of_all(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    assert look(tmp_path / "none", b"a", b"b") == [errno.ENOENT] * 2
    assert look(tmp_path / "f", b"a") == [errno.ENOTDIR]
    assert list(look_at_each(b"/" + b"./" * 3000, [b"a"])) == [errno.ENAMETOOLONG]
    assert look(tmp_path) == []


def test_kinds_sizes_and_devices_are_told_of_all_at_once(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"f{number}").write_bytes(bytes(100 * number))
    (tmp_path / "dir").mkdir()
    (tmp_path / "link").symlink_to("f0")
    names = [b"dir", b"f0", b"f1", b"f2", b"f3", b"f4", b"gone", b"link"]

    seen = look_at_each(os.fsencode(tmp_path) + b"/", names)

    assert seen.letters == b"dfffff!o"
    assert seen.total_size(1, 6) == 1000
    assert [seen.fitting(1, 6, 50, budget) for budget in (0, 1, 50, 51, 250, 10**6)] == [
        *(1, 2, 2, 3, 4),
        6,
    ]
    device = os.lstat(tmp_path).st_dev
    assert seen.are_on(device)
    assert not seen.are_on(device + 1)
    for begin, end in ((3, 2), (0, 9)):
        with pytest.raises(IndexError):
            seen.total_size(begin, end)
