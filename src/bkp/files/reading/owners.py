"""Names of users and groups, from /etc/passwd and /etc/group alone.

No name service is asked: what is stored must not depend on one answering, and
restic's own binaries do not ask either.
"""

import os
import re
from collections.abc import Callable, Iterator

PASSWD = b"/etc/passwd"
GROUP = b"/etc/group"

_NUMBER = re.compile(rb"[+-]?[0-9]{1,18}")
_SPACE = b" \t\n\v\f\r"


class OwnerNames:
    """The names of this machine's users and groups as they were when first asked for."""

    def __init__(self, passwd: bytes = PASSWD, group: bytes = GROUP) -> None:
        self._users = _read_names(passwd, 6, _is_user)
        self._groups = _read_names(group, 3, _is_group)
        self._add_myself()

    def user(self, uid: int) -> str:
        """Return a user's name, "" if there is none; a byte not UTF-8 is a lone surrogate."""
        return self._users.get(uid, "")

    def group(self, gid: int) -> str:
        """Return a group's name, "" if there is none; a byte not UTF-8 is a lone surrogate."""
        return self._groups.get(gid, "")

    def _add_myself(self) -> None:
        """Take the word of the environment for the user who runs this, as Go does."""
        name = os.environb.get(b"USER", b"")
        if name and os.environb.get(b"HOME"):
            self._users.setdefault(os.getuid(), _text(name))


def _read_names(
    path: bytes, colons: int, is_valid: Callable[[list[bytes]], bool]
) -> dict[int, str]:
    """Return the name for each number of a file; the first of several wins."""
    names: dict[int, str] = {}
    for line in _lines(path):
        fields = line.split(b":", colons)
        if len(fields) <= colons or not is_valid(fields):
            continue
        if fields[0][:1] not in {b"", b"+", b"-"} and fields[2] == b"%d" % int(fields[2]):
            names.setdefault(int(fields[2]), _text(fields[0]))
    return names


def _lines(path: bytes) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except OSError:
        return  # then nobody has a name
    for raw in lines:
        line = raw.strip(_SPACE)
        if line and not line.startswith(b"#"):
            yield line


def _is_user(fields: list[bytes]) -> bool:
    return all(_NUMBER.fullmatch(field) for field in fields[2:4])


def _is_group(fields: list[bytes]) -> bool:
    return _NUMBER.fullmatch(fields[2]) is not None


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
