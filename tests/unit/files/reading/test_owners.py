"""Names come from files alone, read as Go reads them."""

import os
from pathlib import Path

import pytest

from bkp.files.reading.owners import OwnerNames

PASSWD = b"""\
# a comment
root:x:0:0:root:/root:/bin/sh
 spaced:x:1:1::/:/bin/sh
first:x:2:2::/:/bin/sh
second:x:2:2::/:/bin/sh
short:x:3:3::/
+nis:x:4:4::/:
-nis:x:4:4::/:
:x:4:4::/:
zero:x:05:5::/:
word:x:six:6::/:
nogroup:x:7:none::/:
caf\xe9:x:8:8::/:
colons:x:9:9:a:b:c:d:e
"""
GROUP = b"wheel:x:0:root\nshort:x:1\nplus:x:2:\n\n+x:x:3:\nbig:x:4294967294:a:b\n"


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OwnerNames:
    monkeypatch.delenv("USER", raising=False)
    (tmp_path / "passwd").write_bytes(PASSWD)
    (tmp_path / "group").write_bytes(GROUP)
    return OwnerNames(os.fsencode(tmp_path / "passwd"), os.fsencode(tmp_path / "group"))


@pytest.mark.parametrize(
    ("uid", "name"),
    [(0, "root"), (1, "spaced"), (2, "first"), (3, ""), (4, ""), (5, ""), (6, ""), (7, ""),
     (8, "caf\udce9"), (9, "colons"), (4_294_967_294, "")],
)  # fmt: skip
def test_a_user_is_called_what_its_first_good_line_says(
    names: OwnerNames, uid: int, name: str
) -> None:
    assert names.user(uid) == name


@pytest.mark.parametrize(
    ("gid", "name"), [(0, "wheel"), (1, ""), (2, "plus"), (3, ""), (4_294_967_294, "big")]
)
def test_a_group_is_called_what_its_first_good_line_says(
    names: OwnerNames, gid: int, name: str
) -> None:
    assert names.group(gid) == name


def test_without_files_nobody_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USER", raising=False)
    names = OwnerNames(b"/nonexistent", b"/nonexistent")

    assert (names.user(0), names.group(0)) == ("", "")


def test_the_environment_names_who_is_in_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "me")
    monkeypatch.setenv("HOME", "/")

    assert OwnerNames(b"/nonexistent", b"/nonexistent").user(os.getuid()) == "me"
