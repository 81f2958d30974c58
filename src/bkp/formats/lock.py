"""Locks: who works on a repository, and whether others may too.

    {"time":T,"exclusive":false,"hostname":H,"username":U,"pid":1,"uid":0,"gid":0}

`uid` and `gid` are left out if 0.  bkp adds `bkp_space`, which says where `pid`
means something; others skip it.

Source: restic's doc/design.rst, "Locks".
"""

from dataclasses import asdict, dataclass

from bkp.errors import Malformed
from bkp.times import parse_time

from .gojson import Uint32, Uint63, decode, encode_object


@dataclass(frozen=True, slots=True, kw_only=True)
class LockFile:
    """One lock; `time` is RFC 3339 text."""

    time: str
    exclusive: bool
    hostname: str = ""
    username: str = ""
    pid: Uint63
    uid: Uint32 = 0
    gid: Uint32 = 0
    bkp_space: str = ""

    @property
    def time_ns(self) -> int:
        """When it was taken or last refreshed, in ns since the epoch."""
        return parse_time(self.time)


def encode_lock(lock: LockFile) -> bytes:
    """Return the JSON of a lock."""
    return encode_object(asdict(lock), ("uid", "gid", "bkp_space"), {})


def decode_lock(data: bytes) -> LockFile:
    """Read a lock; unknown keys are skipped.  Raises Malformed."""
    lock = decode(data, LockFile)
    try:
        parse_time(lock.time)
    except ValueError as error:
        raise Malformed(f"lock: {error}") from error
    return lock
