"""File modes of Unix and of Go."""

import stat

import pytest

from bkp.formats.filemode import from_go, to_go, type_of

MODES = [
    (stat.S_IFDIR | 0o755, 2147484141, "dir"),
    (stat.S_IFDIR | 0o1777, 2148532735, "dir"),
    (stat.S_IFLNK | 0o777, 134218239, "symlink"),
    (stat.S_IFIFO | 0o644, 33554852, "fifo"),
    (stat.S_IFREG | 0o4755, 8389101, "file"),
    (stat.S_IFREG | 0o2755, 4194797, "file"),
    (stat.S_IFREG | 0o644, 420, "file"),
    (stat.S_IFREG, 0, "file"),
    (stat.S_IFBLK | 0o660, (1 << 26) | 0o660, "dev"),
    (stat.S_IFCHR | 0o666, (1 << 26) | (1 << 21) | 0o666, "chardev"),
    (stat.S_IFSOCK | 0o755, (1 << 24) | 0o755, "socket"),
]


@pytest.mark.parametrize(("unix", "go", "kind"), MODES)
def test_modes_go_there_and_back(unix: int, go: int, kind: str) -> None:
    assert to_go(unix) == go
    assert type_of(unix) == kind
    if go:
        assert from_go(go) == unix


def test_unknown_type_is_irregular() -> None:
    assert type_of(0o150000 | 0o600) == "irregular"
    assert to_go(0o150000 | 0o600) == (1 << 19) | 0o600


def test_any_32_bits_give_a_mode() -> None:
    assert from_go(2**32 - 1) == 0o7777
