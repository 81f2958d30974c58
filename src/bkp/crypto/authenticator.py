"""A code for data of our own that is kept in the clear: Poly1305 under a key used once.

Several times faster than hashing, and only holders of the repository's key can
compute it.  The key of each message comes from that by HKDF, with a label for
the use and a random nonce for the message.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.poly1305 import Poly1305

from bkp.errors import Inauthentic

from .derive import derive
from .seal import Key

NONCE_SIZE = 16
TAG_SIZE = 16


class Authenticator:
    """Computes or verifies the code of one message, given in pieces."""

    def __init__(self, key: Key, label: str, nonce: bytes) -> None:
        self._state = Poly1305(derive(key, f"{label} {nonce.hex()}", 32))

    def update(self, piece: bytes | bytearray | memoryview) -> None:
        """Go on with the message."""
        self._state.update(piece)

    def tag(self) -> bytes:
        """Return the code; nothing can follow."""
        return self._state.finalize()

    def verify(self, tag: bytes) -> None:
        """Raise Inauthentic unless this is the code; nothing can follow."""
        try:
            self._state.verify(tag)
        except InvalidSignature:
            raise Inauthentic("the authentication code does not match") from None
