"""Giving a restored entry its attributes: owner, extended attributes, mode, times.

In that order: a change of owner takes set-user-ID bits and capabilities away,
attributes can be written only while the mode allows it, and any change
spoils the times.  What cannot be set is returned, never raised: without the
rights of root it is the rule rather than a failure.
"""

import errno
import os
import stat
from contextlib import suppress
from enum import Enum
from typing import NamedTuple

from bkp.errors import Malformed
from bkp.files.reasons import reason
from bkp.formats.filemode import from_go
from bkp.formats.tree import Node

Handle = int | str  # an open descriptor, or a path that names the entry itself

_SET_ID = stat.S_ISUID | stat.S_ISGID

_LEAVE = 2**32 - 1  # as owner or group it tells the system to leave what there is

_PERMISSIONS = 0o777  # which are the same bits in Go's modes
_FIRST_TIME, _LAST_TIME = -(2**63), 2**63 - 1  # ns in 64 bits: the years 1677 to 2262

_ACLS = frozenset({"system.posix_acl_access", "system.posix_acl_default"})
_CAPABILITY = "security.capability"


class Attribute(Enum):
    """What can fail to be restored, in the words that go with "cannot restore"."""

    OWNER = "owners"
    SET_ID = "set-user-ID and set-group-ID bits"
    MODE = "modes"
    ACL = "access control lists"
    XATTR = "extended attributes"
    TIMES = "times"
    DEVICE = "devices"


class Shortfall(NamedTuple):
    """An attribute that an entry was not given, and why."""

    attribute: Attribute
    reason: str


def apply_attributes(entry: Handle, node: Node, *, with_times: bool = True) -> list[Shortfall]:
    """Give an entry everything a node says about it, and return what failed.

    `entry` names the entry itself, not what it may link to.  Set-user-ID and
    set-group-ID bits are withheld if the owner could not be set: they would
    lend the rights of whoever runs the restore.
    """
    failures: list[Shortfall] = []
    owned = _set_owner(entry, node, failures)
    _set_xattrs(entry, node, failures)
    if node.type != "symlink":
        _set_mode(entry, stat.S_IMODE(from_go(node.mode)), owned, failures)
    if with_times:
        _set_times(entry, node, failures)
    return failures


def has_attributes(entry: Handle, node: Node) -> bool:
    """Say whether a file has all that `apply_attributes` would give it; raises OSError."""
    status = os.stat(entry)
    found = status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode), status.st_mtime_ns
    if found != (node.uid, node.gid, stat.S_IMODE(from_go(node.mode)), modified(node)):
        return False
    wanted = _wanted(node)
    names = [name for name in _present(entry, []) if name in wanted or _is_removable(name)]
    return {name: os.getxattr(entry, name) for name in names} == wanted


class PlainAttributes(NamedTuple):
    """All that a file needs which has no extended attributes; times in ns."""

    uid: int
    gid: int
    mode: int  # permissions
    accessed: int
    modified: int


def plain_attributes(node: Node) -> PlainAttributes | None:
    """Return the attributes of a file that can be given blindly; None if there is more to it."""
    mode = node.mode
    if mode > _PERMISSIONS or node.extended_attributes or _LEAVE in (node.uid, node.gid):
        return None
    try:
        mtime = node.mtime_ns
        atime = mtime if node.atime in ("", node.mtime) else node.atime_ns
    except Malformed:
        return None
    if not (_FIRST_TIME <= mtime <= _LAST_TIME and _FIRST_TIME <= atime <= _LAST_TIME):
        return None
    return PlainAttributes(node.uid, node.gid, mode, atime, mtime)


def modified(node: Node) -> int | None:
    """Return a node's modification time in ns, None if it has none that can be read."""
    try:
        return node.mtime_ns
    except Malformed:
        return None


def _set_owner(entry: Handle, node: Node, failures: list[Shortfall]) -> bool:
    try:
        if _LEAVE in {node.uid, node.gid}:
            raise OverflowError("no user or group has such a number")
        os.chown(entry, node.uid, node.gid)
    except (OSError, OverflowError) as error:
        failures.append(Shortfall(Attribute.OWNER, _why(error)))
    else:
        return True
    with suppress(OSError, OverflowError):  # users may give files to any group they are in
        os.chown(entry, -1, node.gid)
    return False


def _set_mode(entry: Handle, mode: int, owned: bool, failures: list[Shortfall]) -> None:
    granted = mode if owned else mode & ~_SET_ID
    try:
        os.chmod(entry, granted)
        if mode & _SET_ID and stat.S_IMODE(os.stat(entry).st_mode) != mode:
            why = "the owner is another" if not owned else "refused by the system"
            failures.append(Shortfall(Attribute.SET_ID, why))
    except OSError as error:
        failures.append(Shortfall(Attribute.MODE, reason(error)))


def _set_times(entry: Handle, node: Node, failures: list[Shortfall]) -> None:
    if not node.mtime:  # rustic stores no time it does not know
        return
    try:
        mtime = node.mtime_ns
        # Nearly always the two are the same text, which is not worth reading twice.
        atime = mtime if node.atime in {"", node.mtime} else node.atime_ns
        os.utime(entry, ns=(atime, mtime))
    except (OSError, Malformed, OverflowError) as error:
        failures.append(Shortfall(Attribute.TIMES, _why(error)))


def _wanted(node: Node) -> dict[str, bytes]:
    return {
        xattr.name: xattr.value for xattr in node.extended_attributes if xattr.value is not None
    }


def _set_xattrs(entry: Handle, node: Node, failures: list[Shortfall]) -> None:
    wanted = _wanted(node)
    for name in _present(entry, failures):
        if name not in wanted and _is_removable(name):
            _attempt_removal(entry, name, failures)
    for name, value in wanted.items():
        try:
            _set_xattr(entry, name, value)
        except OSError as error:
            failures.append(Shortfall(_attribute(name), reason(error)))
        except ValueError:
            failures.append(Shortfall(Attribute.XATTR, "the snapshot has lost part of a name"))


def _set_xattr(entry: Handle, name: str, value: bytes) -> None:
    try:
        os.setxattr(entry, name.encode(), value)
    except PermissionError:
        # Users may write attributes only where they may write; the mode is set for good later.
        mode = os.stat(entry).st_mode
        if mode & stat.S_IWUSR or stat.S_ISLNK(mode):
            raise
        os.chmod(entry, stat.S_IMODE(mode) | stat.S_IWUSR)
        os.setxattr(entry, name.encode(), value)


def _present(entry: Handle, failures: list[Shortfall]) -> list[str]:
    try:
        return os.listxattr(entry)
    except OSError as error:
        if error.errno not in {errno.ENOTSUP, errno.EOPNOTSUPP}:
            failures.append(Shortfall(Attribute.XATTR, reason(error)))
        return []


def _attempt_removal(entry: Handle, name: str, failures: list[Shortfall]) -> None:
    try:
        os.removexattr(entry, name)
    except OSError as error:
        if error.errno != errno.ENODATA:
            failures.append(Shortfall(_attribute(name), reason(error)))


def _is_removable(name: str) -> bool:
    """Whether an attribute is the user's: labels of a security module are the system's."""
    return name.startswith(("user.", "trusted.")) or name in _ACLS or name == _CAPABILITY


def _attribute(name: str) -> Attribute:
    return Attribute.ACL if name in _ACLS else Attribute.XATTR


def _why(error: Exception) -> str:
    return reason(error) if isinstance(error, OSError) else str(error)
