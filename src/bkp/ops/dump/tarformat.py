"""Headers of tar archives: the standard library's pax headers, for nodes.

What a header of 512 bytes cannot say (ns, long names, large numbers, extended
attributes, ACLs) goes into pax records before it, in the keywords of star
that GNU tar and bsdtar read.  Where a name or a value is no UTF-8, all of an
entry's records are marked as binary; GNU tar reads them, and warns that it
does not know the mark.

Source: POSIX.1-2017, pax, "pax Interchange Format".
"""

import os
import stat
import struct
import tarfile

from bkp.files.writing.apply import modified
from bkp.formats.filemode import from_go
from bkp.formats.gojson import lossy
from bkp.formats.tree import Node

END = bytes(2 * tarfile.BLOCKSIZE)

_TYPES = {
    "file": tarfile.REGTYPE,
    "symlink": tarfile.SYMTYPE,
    "chardev": tarfile.CHRTYPE,
    "dev": tarfile.BLKTYPE,
    "dir": tarfile.DIRTYPE,
    "fifo": tarfile.FIFOTYPE,
}

_SECOND = 1_000_000_000
_MAX_DEVICE = 0o7777777  # seven digits, and no pax record for more

_ACLS = {"system.posix_acl_access": "access", "system.posix_acl_default": "default"}
_ACL_ENTRY = struct.Struct("<HHI")
_ACL_TAGS = {1: b"user", 2: b"user", 4: b"group", 8: b"group", 16: b"mask", 32: b"other"}
_ACL_WITH_ID = {2, 8}


def can_hold(node: Node) -> bool:
    """Say whether a tar archive knows entries of this type, and devices of this number."""
    return node.type in _TYPES and max(_device(node)) <= _MAX_DEVICE


def _device(node: Node) -> tuple[int, int]:
    if node.type not in {"chardev", "dev"}:
        return 0, 0  # whatever the node says
    return os.major(node.device), os.minor(node.device)


def omits(node: Node) -> str:
    """Say what of an entry a tar archive cannot hold; "" if it can hold everything."""
    if any(_is_lossy(attribute.name) for attribute in node.extended_attributes):
        return "an extended attribute, of whose name a part is lost,"
    return ""


def _is_lossy(name: str) -> bool:
    return lossy(name) != name


def header(path: bytes, node: Node, size: int, linked: bytes | None = None) -> bytes:
    """Return all header blocks of an entry.

    `size` is that of the contents that follow.  With `linked` the entry is a
    hard link to the entry of that path and no contents follow.
    """
    info = tarfile.TarInfo(os.fsdecode(path))
    info.type = _TYPES[node.type]
    info.mode = stat.S_IMODE(from_go(node.mode))
    info.uid, info.gid = node.uid, node.gid
    info.uname, info.gname = node.user, node.group
    info.devmajor, info.devminor = _device(node)
    info.pax_headers = _time(modified(node) or 0)
    if linked is not None:
        info.type = tarfile.LNKTYPE
        info.linkname = os.fsdecode(linked)
    else:
        info.pax_headers |= _attributes(node)
        info.size = size if node.type == "file" else 0
        info.linkname = os.fsdecode(node.target) if node.type == "symlink" else ""
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def padding(size: int) -> bytes:
    """Return the zeros that follow contents of a size."""
    return bytes(-size % tarfile.BLOCKSIZE)


def _attributes(node: Node) -> dict[str, str]:
    records = {}
    for attribute in node.extended_attributes:
        if attribute.value is None or _is_lossy(attribute.name):
            continue
        if attribute.name in _ACLS and (text := _acl_text(attribute.value)):
            records["SCHILY.acl." + _ACLS[attribute.name]] = text.decode()
            continue
        name = attribute.name.replace("%", "%25").replace("=", "%3D")
        records["SCHILY.xattr." + name] = attribute.value.decode("utf-8", "surrogateescape")
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


def _time(ns: int) -> dict[str, str]:
    """Return the record of a time, exact to the nanosecond."""
    seconds, fraction = divmod(abs(ns), _SECOND)
    text = f"{'-' if ns < 0 else ''}{seconds}"
    return {"mtime": f"{text}.{fraction:09}".rstrip("0") if fraction else text}
