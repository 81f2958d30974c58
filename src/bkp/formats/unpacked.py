"""How indexes, snapshots and locks are wrapped before they are sealed.

Version 1 stores their JSON as it is.  Version 2 stores a byte 0x02 and a zstd
frame of it; JSON as it is may remain from before a repository was upgraded.
Each object says which it is, so what the config says about the version does not
matter to who reads: it may be an old copy of that, put back or played back.
"""

from bkp.errors import Malformed

from .compression import Level, compress, decompress

_COMPRESSED = 2

# Bytes of JSON.  An index is written at 50 000 blobs, or some 8 MB; the fullest single pack makes
# 70 MB of it.  What tools of others merge into one object needs 160 bytes per blob, so this is
# room for 6 million blobs; more than that is a bomb rather than a backup.
MAX_SIZE = 1 << 30


def wrap(plain: bytes | bytearray, version: int) -> bytes | bytearray:
    """Return what is to be sealed for an object of a repository of a version."""
    if version == 1:
        return plain
    return bytes((_COMPRESSED,)) + compress(plain, Level.AUTO)


def unwrap(data: bytes | bytearray | memoryview) -> bytes:
    """Return what `wrap` was given.

    Raises Malformed for what neither `wrap` nor restic makes, and for more
    than MAX_SIZE.
    """
    if not data or data[0] in b"{[":
        return bytes(data)
    if data[0] != _COMPRESSED:
        raise Malformed(f"unknown kind {data[0]} of object")
    return decompress(memoryview(data)[1:], MAX_SIZE)
