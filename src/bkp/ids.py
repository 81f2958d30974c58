"""Identities: the 32-byte SHA-256 names of blobs, packs and snapshots.

An identity is plain `bytes` with a name for the type checker, because a run
handles millions of them.  Storage and people see 64 lower-case hex digits.
"""

from hashlib import sha256
from typing import NewType

BlobId = NewType("BlobId", bytes)  # SHA-256 of a blob's plaintext
PackId = NewType("PackId", bytes)  # SHA-256 of a pack as stored
SnapshotId = NewType("SnapshotId", bytes)  # SHA-256 of a snapshot object as stored

ID_SIZE = 32
SHORT_DIGITS = 8  # what restic prints; unique in practice for a repository's snapshots

_HEX = frozenset("0123456789abcdef")


def blob_id(plain: bytes) -> BlobId:
    """Name a blob by its plaintext."""
    return BlobId(sha256(plain).digest())


def is_id(text: str) -> bool:
    """Say whether `text` is an identity in hex, exactly as it is stored."""
    return len(text) == 2 * ID_SIZE and _HEX.issuperset(text)


def parse_id(text: str) -> bytes:
    """Return the 32 bytes of a stored identity.

    Raises ValueError unless it is exactly 64 lower-case hex digits.
    """
    if not is_id(text):
        raise ValueError(f"not an id: {text[:80]!r}")
    return bytes.fromhex(text)
