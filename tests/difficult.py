"""A directory built to be difficult: what is rare in a home directory, and legal."""

import os
import random
import stat
from pathlib import Path

NAMES = (
    b"plain",
    b'q"uo\\te',
    b"new\nline",
    b"tab\there",
    b"\x01\x02\x7f control",
    b"inv\xff\xfealid",
    "nbsp\u00a0here".encode(),
    "zero\u200bwidth".encode(),
    "soft\u00adhyphen".encode(),
    "line\u2028sep\u2029arated".encode(),
    "ideographic\u3000space".encode(),
    "private\ue000use".encode(),
    "\U0001f600 smile".encode(),
    "unassigned\u0378".encode(),
    "e\u0301 decomposed".encode(),
    b"<a&b>",
    b"-rf",
    b" space at both ends ",
    b"\xed\xa0\x80 surrogate",
    b"\xc0\xaf overlong",
    b"n" * 255,
)

SECOND = 1_000_000_000
TIMES = (
    0,
    1,
    -1,
    -5 * SECOND + 123,
    1_600_000_000 * SECOND + 120_000_000,
    1_711_846_800 * SECOND,  # Berlin puts its clocks forward
    4_102_444_800 * SECOND + 999_999_999,
    -2_000_000_000 * SECOND,  # 1906
)


def build(root: Path, *, link_attributes: bool = False) -> None:
    """Fill a new directory.

    Attributes of symbolic links are left out by default: restic stores them
    since 0.16 only, and Debian's is older.
    """
    root.mkdir()
    base = os.fsencode(root)
    for number, name in enumerate(NAMES):
        path = os.path.join(base, name)
        with open(path, "wb") as file:
            file.write(name * number)
    directory = root / "dir with everything"
    directory.mkdir(mode=0o750)
    _kinds(os.fsencode(directory))
    if link_attributes:
        os.setxattr(directory / "link", b"trusted.link", b"root's", follow_symlinks=False)
    _contents(root)
    os.mkdir(root / "empty")
    os.mkdir(root / "sticky")
    os.chmod(root / "sticky", 0o1777)
    _deep(root)
    for number, name in enumerate(NAMES):
        time = TIMES[number % len(TIMES)]
        os.utime(os.path.join(base, name), ns=(time, time))
    os.utime(root / "empty", ns=(TIMES[3], TIMES[3]))


def _kinds(base: bytes) -> None:
    def at(name: bytes) -> bytes:
        return os.path.join(base, name)

    for name, mode in ((b"none", 0), (b"setuid", 0o4755), (b"setgid", 0o2755), (b"all", 0o7777)):
        with open(at(name), "wb") as file:
            file.write(name)
        os.chmod(at(name), mode)
    os.symlink(b"none", at(b"link"))
    os.symlink(b"/nowhere/at all", at(b"dangling"))
    os.symlink(b"..", at(b"up"))
    os.symlink(b"<&>\n", at(b"link to escapes"))
    os.mkfifo(at(b"fifo"), 0o644)
    os.mknod(at(b"null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(at(b"block"), stat.S_IFBLK | 0o660, os.makedev(7, 200))
    os.link(at(b"setuid"), at(b"hard link"))
    os.link(at(b"link"), at(b"hard link to a link"))
    os.setxattr(at(b"none"), b"user.comment", b"\x00binary\xff")
    os.setxattr(at(b"none"), b"user.empty", b"")
    os.setxattr(at(b"none"), b"user.a", b"1")
    os.setxattr(base, b"user.of a directory", b"yes")
    os.chown(at(b"setgid"), 12345, 54321)
    os.chown(at(b"link"), 1, 1, follow_symlinks=False)


def _contents(root: Path) -> None:
    source = random.Random(7)
    (root / "large").write_bytes(source.randbytes(5 << 20))
    (root / "zeros").write_bytes(bytes(2 << 20))
    (root / "copy of large").write_bytes(b"x" + (root / "large").read_bytes())
    with open(root / "sparse", "wb") as file:
        file.seek(3 << 20)
        file.write(b"end")
    (root / "empty file").write_bytes(b"")


def _deep(root: Path) -> None:
    path = root
    for level in range(40):
        path = path / f"level {level}"
        path.mkdir()
    (path / "bottom").write_text("down here")
