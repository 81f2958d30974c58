"""Keys from keys: HKDF-SHA-256 with a label for each use (RFC 5869)."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .seal import Key


def derive(key: Key, label: str, size: int) -> bytes:
    """Return `size` bytes (at most 8160) that only holders of `key` can compute.

    Different labels give independent bytes.  Nothing about the key can be
    learnt from them.
    """
    hkdf = HKDF(algorithm=SHA256(), length=size, salt=None, info=label.encode())
    return hkdf.derive(key.encrypt + key.k + key.r)
