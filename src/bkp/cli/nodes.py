"""Entries of snapshots, as lines for people and as restic's JSON for programs."""

import stat

from bkp.errors import Malformed
from bkp.formats.filemode import from_go
from bkp.formats.tree import Node
from bkp.ops.walktree import Found

from .output import local_time_text, path_text, safe, size_text

# Go's letters for the bits of a mode from the highest down.
_GO_LETTERS = "dalTLDpSugct?"

_FIELDS = (
    "type",
    "mode",
    "mtime",
    "atime",
    "ctime",
    "uid",
    "gid",
    "user",
    "group",
    "device_id",
    "size",
    "links",
    "linktarget",
)
_ALWAYS = frozenset({"type", "mtime", "atime", "ctime", "uid", "gid"})


def node_line(found: Found, *, is_long: bool, human_sizes: bool = False) -> str:
    """Return the line of an entry: its path, in the long form with more before it."""
    path = safe(path_text(found.path))
    if not is_long:
        return path
    node = found.node
    size = size_text(node.size) if human_sizes else str(node.size)
    target = f" -> {safe(path_text(node.target))}" if node.type == "symlink" else ""
    mode = stat.filemode(from_go(node.mode) | (stat.S_IFREG if node.type == "file" else 0))
    return f"{mode} {node.uid:>5} {node.gid:>5} {size:>10} {_modified(node)} {path}{target}"


def _modified(node: Node) -> str:
    try:
        return local_time_text(node.mtime_ns)
    except Malformed:  # not every tool stores one
        return f"{safe(node.mtime[:19]):<19}"


def listed_json(found: Found) -> dict[str, object]:
    """Return an entry as restic's ls prints it."""
    node = found.node
    fields: dict[str, object] = {
        "name": path_text(node.name),
        "type": node.type,
        "path": path_text(found.path),
        "uid": node.uid,
        "gid": node.gid,
    }
    if node.type == "file":
        fields["size"] = node.size
    fields["mode"] = node.mode
    fields["permissions"] = _permissions(node.mode)
    fields |= {"mtime": node.mtime, "atime": node.atime, "ctime": node.ctime}
    if node.inode:
        fields["inode"] = node.inode
    return fields | {"message_type": "node", "struct_type": "node"}


def found_json(found: Found) -> dict[str, object]:
    """Return an entry as restic's find prints it."""
    fields: dict[str, object] = {
        "path": path_text(found.path),
        "permissions": _permissions(found.node.mode),
    }
    for name in _FIELDS:
        value = getattr(found.node, name)
        if value or name in _ALWAYS:
            fields[name] = value
    return fields


def _permissions(mode: int) -> str:
    """Write a mode as Go does."""
    letters = "".join(
        letter for number, letter in enumerate(_GO_LETTERS) if mode & 1 << (31 - number)
    )
    bits = "".join(
        letter if mode & 1 << (8 - number) else "-" for number, letter in enumerate("rwxrwxrwx")
    )
    return (letters or "-") + bits
