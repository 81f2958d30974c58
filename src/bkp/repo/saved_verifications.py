"""What came out when packs were verified last, as a file.

    magic and version                          16 bytes
    nonce                                      16
    SHA-256 of where the repository is         32
    code                                       16
    packs                                      41 each, in no order:
        id                                     32
        when it was verified, ns since 1970    i64
        1 if it was sound, 0 if not            1

All numbers are big-endian.  The code covers everything but itself, under a key
that only holders of the repository's key have: nobody else can make it look as
if a pack had been verified.

Does not know where the file is, nor which packs there are.
"""

import os
from collections.abc import Mapping
from struct import Struct
from typing import NamedTuple

from bkp.crypto.authenticator import NONCE_SIZE, TAG_SIZE, Authenticator
from bkp.crypto.seal import Key
from bkp.errors import Inauthentic, Malformed
from bkp.ids import ID_SIZE, PackId

MAGIC = b"bkp verified 001"
MAX_SIZE = 256 << 20  # bytes: of packs as restic makes them, a hundred TiB
PLACE_SIZE = 32
_LABEL = "bkp verified packs"
_HEADER = Struct(f">16s{NONCE_SIZE}s{PLACE_SIZE}s")
_PACK = Struct(f">{ID_SIZE}sq?")
_START = _HEADER.size + TAG_SIZE


class Verification(NamedTuple):
    """When a pack was verified (ns since the epoch), and what came out."""

    time_ns: int
    is_sound: bool


def encode_verifications(found: Mapping[PackId, Verification], place: bytes, key: Key) -> bytes:
    """Return the contents of a file for the repository at a place."""
    nonce = os.urandom(NONCE_SIZE)
    header = _HEADER.pack(MAGIC, nonce, place)
    packs = b"".join(_PACK.pack(pack, *verification) for pack, verification in found.items())
    return header + _code(key, nonce, header, packs).tag() + packs


def decode_verifications(data: bytes, place: bytes, key: Key) -> dict[PackId, Verification]:
    """Return what `encode_verifications` was given.

    Raises Malformed or Inauthentic unless it was under this key and for this
    place.
    """
    if len(data) < _START:
        raise Malformed("too short for a file of verified packs")
    header, tag, packs = data[: _HEADER.size], data[_HEADER.size : _START], data[_START:]
    magic, nonce, made_for = _HEADER.unpack(header)
    if magic != MAGIC:
        raise Malformed("no verified packs of this version")
    _code(key, nonce, header, packs).verify(tag)
    if made_for != place:
        raise Inauthentic("it was made for a repository elsewhere")
    return {
        PackId(pack): Verification(time_ns, is_sound)
        for pack, time_ns, is_sound in _PACK.iter_unpack(packs)
    }


def _code(key: Key, nonce: bytes, header: bytes, packs: bytes) -> Authenticator:
    code = Authenticator(key, _LABEL, nonce)
    code.update(header)
    code.update(packs)
    return code
