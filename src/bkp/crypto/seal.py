"""Sealing: AES-256-CTR, authenticated by Poly1305-AES, as restic composes them.

A sealed text is `IV (16) || ciphertext || tag (16)`.  The IV is random, the
counter block starts as the IV and counts up big-endian in 128 bits, and the
one-time key of Poly1305 is `r || AES-128_k(IV)`.  The tag covers the
ciphertext and is verified before anything is decrypted.

Source: restic's doc/design.rst, "Keys, Encryption and MAC"; D. J. Bernstein,
"The Poly1305-AES message-authentication code".
"""

import os
import threading
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB
from cryptography.hazmat.primitives.poly1305 import Poly1305

from bkp.errors import Inauthentic

IV_SIZE = 16
TAG_SIZE = 16
OVERHEAD = IV_SIZE + TAG_SIZE  # bytes by which a sealed text is longer


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """The three secrets of a seal: AES-256 key, Poly1305-AES `k` and `r`.

    Raises ValueError for wrong lengths and for all-zero parts, which restic
    refuses as well: they are what a cleared buffer looks like.
    """

    encrypt: bytes
    k: bytes
    r: bytes

    def __post_init__(self) -> None:
        for part, size in ((self.encrypt, 32), (self.k, 16), (self.r, 16)):
            if len(part) != size or not any(part):
                raise ValueError("not a usable key")

    @classmethod
    def generate(cls) -> "Key":
        """Draw a new key."""
        return cls(os.urandom(32), os.urandom(16), os.urandom(16))

    @classmethod
    def from_bytes(cls, material: bytes) -> "Key":
        """Split 64 bytes, as derived from a password, into the three secrets."""
        return cls(material[:32], material[32:48], material[48:64])


class Sealer:
    """Seals and unseals under one key; may be used by several threads at once."""

    def __init__(self, key: Key) -> None:
        self._key = key
        self._contexts = _Contexts()

    def seal(self, plain: bytes | bytearray | memoryview) -> bytearray:
        """Return `plain` encrypted and authenticated under a fresh random IV."""
        return self.seal_with_iv(plain, os.urandom(IV_SIZE))

    def seal_with_iv(self, plain: bytes | bytearray | memoryview, iv: bytes) -> bytearray:
        """Seal under a given IV; only for test vectors, an IV must never repeat."""
        size = len(plain)
        sealed = bytearray(size + OVERHEAD)
        view = memoryview(sealed)
        view[:IV_SIZE] = iv
        # The room for the tag doubles as the slack that older versions of
        # `cryptography` insist on behind the output.
        self._stream(iv).update_into(plain, view[IV_SIZE:])
        tag = Poly1305.generate_tag(self._one_time_key(iv), view[IV_SIZE : IV_SIZE + size])
        view[IV_SIZE + size :] = tag
        return sealed

    def unseal(self, sealed: bytes | bytearray | memoryview) -> memoryview:
        """Return what was sealed.

        Raises Inauthentic if it is not exactly what `seal` made under this key.
        """
        view = memoryview(sealed)
        size = len(view) - OVERHEAD
        if size < 0:
            raise Inauthentic(f"{len(view)} bytes are too few to be sealed data")
        iv = bytes(view[:IV_SIZE])
        if not any(iv):
            raise Inauthentic("sealed under an all-zero IV, which no writer uses")
        ciphertext = view[IV_SIZE : IV_SIZE + size]
        try:
            Poly1305.verify_tag(self._one_time_key(iv), ciphertext, bytes(view[IV_SIZE + size :]))
        except InvalidSignature:
            raise Inauthentic("the authentication code does not match") from None
        plain = bytearray(size + IV_SIZE)
        self._stream(iv).update_into(ciphertext, plain)
        return memoryview(plain)[:size]

    def _one_time_key(self, iv: bytes) -> bytes:
        block = self._contexts.block
        if block is None:
            block = self._contexts.block = Cipher(AES(self._key.k), ECB()).encryptor()
        return self._key.r + block.update(iv)

    def _stream(self, iv: bytes) -> CipherContext:
        stream = self._contexts.stream
        if stream is None:
            stream = self._contexts.stream = Cipher(AES(self._key.encrypt), CTR(iv)).encryptor()
        else:
            stream.reset_nonce(iv)  # six times cheaper than a new context
        return stream


class _Contexts(threading.local):
    """OpenSSL's contexts, one of each per thread: they are not shareable."""

    block: CipherContext | None = None
    stream: CipherContext | None = None
