"""Headers of tar archives: POSIX pax, as bytes, so that names may be any.

What the 512-byte header cannot say (ns, long names, large numbers, extended
attributes, ACLs) goes into pax records before it, in the keywords of star
that GNU tar and bsdtar read.  A long name that is no UTF-8 goes into GNU's
extra header instead, because pax wants UTF-8.

Source: POSIX.1-2017, pax, "pax Interchange Format".
"""

import os
import stat
import struct
from dataclasses import dataclass

from bkp.formats.filemode import from_go
from bkp.formats.tree import Node

BLOCK = 512
END = bytes(2 * BLOCK)

_TYPES = {
    "file": b"0",
    "symlink": b"2",
    "chardev": b"3",
    "dev": b"4",
    "dir": b"5",
    "fifo": b"6",
}
_HARD_LINK = b"1"
_PAX = b"x"
_LONG_NAME = b"L"
_LONG_LINK = b"K"

_MAX_NAME = 100  # bytes of name and link in the header
_MAX_OWNER = 31
_MAX_ID = 8**7 - 1
_MAX_SIZE = 8**11 - 1  # also of times

_SECOND = 1_000_000_000

_ACLS = {"system.posix_acl_access": b"access", "system.posix_acl_default": b"default"}
_ACL_ENTRY = struct.Struct("<HHI")
_ACL_TAGS = {1: b"user", 2: b"user", 4: b"group", 8: b"group", 16: b"mask", 32: b"other"}
_ACL_WITH_ID = {2, 8}


def can_hold(node: Node) -> bool:
    """Say whether a tar archive knows entries of this type."""
    return node.type in _TYPES


def header(path: bytes, node: Node, size: int, linked: bytes | None = None) -> bytes:
    """Return all header blocks of an entry.

    `size` is that of the contents that follow.  With `linked` the entry is a
    hard link to the entry of that path and no contents follow.
    """
    is_link = linked is not None
    target = linked if linked is not None else node.target if node.type == "symlink" else b""
    if node.type == "dir":
        path += b"/"
    size = size if node.type == "file" and not is_link else 0
    mtime_ns = node.mtime_ns if node.mtime else 0
    extra, records = _names(path, target)
    records += _numbers(node, size, mtime_ns) + ([] if is_link else _attributes(node))
    if records:
        body = b"".join(_record(key, value) for key, value in records)
        extra += _extension(_PAX, b"././@PaxHeader", body)
    block = _Block(
        name=path,
        kind=_HARD_LINK if is_link else _TYPES[node.type],
        mode=stat.S_IMODE(from_go(node.mode)),
        uid=node.uid,
        gid=node.gid,
        size=size,
        mtime=mtime_ns // _SECOND,
        target=target,
        user=_owner(node.user),
        group=_owner(node.group),
        device=node.device,
    )
    return extra + block.encode()


def padding(size: int) -> bytes:
    """Return the zeros that follow contents of a size."""
    return bytes(-size % BLOCK)


def _names(path: bytes, target: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Return extra headers and records for names that the header cannot hold."""
    extra = b""
    records = []
    for name, keyword, kind in ((path, b"path", _LONG_NAME), (target, b"linkpath", _LONG_LINK)):
        if len(name) <= _MAX_NAME and (name.isascii() or not _is_utf8(name)):
            continue
        if _is_utf8(name):
            records.append((keyword, name))
        else:
            extra += _extension(kind, b"././@LongLink", name + b"\0")
    return extra, records


def _numbers(node: Node, size: int, mtime_ns: int) -> list[tuple[bytes, bytes]]:
    records = []
    if mtime_ns % _SECOND or not 0 <= mtime_ns // _SECOND <= _MAX_SIZE:
        records.append((b"mtime", _time(mtime_ns)))
    for keyword, number in ((b"uid", node.uid), (b"gid", node.gid)):
        if number > _MAX_ID:
            records.append((keyword, b"%d" % number))
    for keyword, text in ((b"uname", node.user), (b"gname", node.group)):
        if text and not _owner(text):
            records.append((keyword, text.encode("utf-8", "replace")))
    if size > _MAX_SIZE:
        records.append((b"size", b"%d" % size))
    return records


def _attributes(node: Node) -> list[tuple[bytes, bytes]]:
    records = []
    for attribute in node.extended_attributes:
        if attribute.value is None:
            continue
        if attribute.name in _ACLS and (text := _acl_text(attribute.value)):
            records.append((b"SCHILY.acl." + _ACLS[attribute.name], text))
            continue
        name = os.fsencode(attribute.name).replace(b"%", b"%25").replace(b"=", b"%3D")
        records.append((b"SCHILY.xattr." + name, attribute.value))
    return records


def _acl_text(value: bytes) -> bytes:
    """Return the text of an ACL as Linux stores it; empty if it is none."""
    if len(value) < 4 or value[:4] != b"\2\0\0\0" or (len(value) - 4) % _ACL_ENTRY.size:
        return b""
    entries = []
    for tag, permissions, number in _ACL_ENTRY.iter_unpack(value[4:]):
        if tag not in _ACL_TAGS:
            return b""
        qualifier = b"%d" % number if tag in _ACL_WITH_ID else b""
        bits = bytes(
            letter if permissions & bit else ord("-")
            for letter, bit in zip(b"rwx", (4, 2, 1), strict=True)
        )
        entries.append(b"%s:%s:%s" % (_ACL_TAGS[tag], qualifier, bits))
    return b",".join(entries)


def _time(ns: int) -> bytes:
    seconds, fraction = divmod(abs(ns), _SECOND)
    text = b"%s%d" % (b"-" if ns < 0 else b"", seconds)
    return text + (b".%09d" % fraction).rstrip(b"0") if fraction else text


def _record(keyword: bytes, value: bytes) -> bytes:
    """Return a pax record, whose length counts its own digits."""
    rest = b" " + keyword + b"=" + value + b"\n"
    length = len(rest)
    while True:
        total = len(b"%d" % length) + len(rest)
        if total == length:
            return b"%d" % total + rest
        length = total


def _extension(kind: bytes, name: bytes, body: bytes) -> bytes:
    """Return a header of its own whose contents describe the next entry."""
    head = _Block(name=name, kind=kind, size=len(body)).encode()
    return head + body + padding(len(body))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """The fields of a header block; what does not fit is cut, or 0, and said elsewhere."""

    name: bytes
    kind: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: int = 0
    target: bytes = b""
    user: bytes = b""
    group: bytes = b""
    device: int = 0

    def encode(self) -> bytes:
        before = b"".join(
            (
                self.name[:_MAX_NAME].ljust(_MAX_NAME, b"\0"),
                b"%07o\0" % self.mode,
                b"%07o\0" % _within(self.uid, _MAX_ID),
                b"%07o\0" % _within(self.gid, _MAX_ID),
                b"%011o\0" % _within(self.size, _MAX_SIZE),
                b"%011o\0" % _within(self.mtime, _MAX_SIZE),
            )
        )
        after = b"".join(
            (
                self.kind,
                self.target[:_MAX_NAME].ljust(_MAX_NAME, b"\0"),
                b"ustar\x0000",
                self.user.ljust(_MAX_OWNER + 1, b"\0"),
                self.group.ljust(_MAX_OWNER + 1, b"\0"),
                b"%07o\0" % (os.major(self.device) & _MAX_ID),
                b"%07o\0" % (os.minor(self.device) & _MAX_ID),
            )
        ).ljust(BLOCK - len(before) - 8, b"\0")
        checksum = sum(before) + sum(after) + 8 * ord(" ")
        return before + b"%06o\0 " % checksum + after


def _within(number: int, most: int) -> int:
    return number if 0 <= number <= most else 0


def _owner(text: str) -> bytes:
    """Return a user's or group's name for the header, empty if it does not fit there."""
    return text.encode() if text.isascii() and len(text) <= _MAX_OWNER else b""


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
