"""Who is running this: name and numeric ids of the current user."""

import os
import pwd
from typing import NamedTuple


class User(NamedTuple):
    """A user of this machine; `name` is empty if the system knows none."""

    name: str
    uid: int
    gid: int


def current_user() -> User:
    """Return the effective user, as locks, keys and snapshots record it."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        return User(pwd.getpwuid(uid).pw_name, uid, gid)
    except KeyError:
        return User("", uid, gid)
