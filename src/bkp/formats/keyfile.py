"""Key files: the master key wrapped under a password, in plain JSON.

    {"created":T,"username":U,"hostname":H,"kdf":"scrypt","N":32768,"r":8,"p":5,
    "salt":"64 bytes in base64","data":"sealed master key in base64"}

`data` unseals to the master key, with the key that scrypt makes of password
and salt:

    {"mac":{"k":"16 bytes","r":"16 bytes"},"encrypt":"32 bytes"}

What N, r and p cost is not judged here.

Source: restic's doc/design.rst, "Keys, Encryption and MAC".
"""

from dataclasses import dataclass, field

import msgspec

from bkp.errors import Malformed, UnsupportedFormat

from .gojson import Uint63, decode, encode, encode_object, unknown_keys

_SALT_SIZE = 64  # bytes
_MAC_KEY_SIZE = 16
_ENCRYPTION_KEY_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """One key file; `created` is RFC 3339 text, n, r and p are those of scrypt."""

    created: str = ""
    username: str = ""
    hostname: str = ""
    kdf: str = "scrypt"
    n: int
    r: int
    p: int
    salt: bytes
    data: bytes
    extra: dict[str, object] = field(default_factory=dict)


class _Stored(msgspec.Struct, kw_only=True):
    created: str | None = ""  # rustic leaves out the first three if it does not know
    username: str | None = ""
    hostname: str | None = ""
    kdf: str
    n: Uint63 = msgspec.field(name="N")
    r: Uint63
    p: Uint63
    salt: bytes
    data: bytes


def encode_keyfile(file: KeyFile) -> bytes:
    """Return the JSON of a key file; its SHA-256 is the key's name."""
    known = {
        stored: getattr(file, name)
        for name, stored in zip(
            _Stored.__struct_fields__, _Stored.__struct_encode_fields__, strict=True
        )
    }
    return encode_object(known, (), file.extra)


def decode_keyfile(data: bytes) -> KeyFile:
    """Read a key file.

    Raises UnsupportedFormat for a derivation other than scrypt, and Malformed
    for what is no key file.
    """
    stored = decode(data, _Stored)
    if stored.kdf != "scrypt":
        raise UnsupportedFormat(f"key derivation {stored.kdf[:40]!r} is not known, only scrypt")
    if len(stored.salt) != _SALT_SIZE:
        raise Malformed(f"key file: a salt of {len(stored.salt)} bytes, not {_SALT_SIZE}")
    return KeyFile(
        created=stored.created or "",
        username=stored.username or "",
        hostname=stored.hostname or "",
        kdf=stored.kdf,
        n=stored.n,
        r=stored.r,
        p=stored.p,
        salt=stored.salt,
        data=stored.data,
        extra=unknown_keys(data, _Stored.__struct_encode_fields__),
    )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MasterKeyFile:
    """The master key as bytes: for AES-256, and the two halves for Poly1305-AES."""

    encrypt: bytes
    k: bytes
    r: bytes


class _Mac(msgspec.Struct):
    k: bytes
    r: bytes


class _StoredMasterKey(msgspec.Struct):
    mac: _Mac
    encrypt: bytes


def encode_master_key(key: MasterKeyFile) -> bytes:
    """Return the JSON of a master key; ValueError if a part has the wrong length."""
    if not _has_right_lengths(key):
        raise ValueError("a part of the master key has the wrong length")
    return encode(_StoredMasterKey(_Mac(key.k, key.r), key.encrypt))


def decode_master_key(data: bytes) -> MasterKeyFile:
    """Read a master key; Malformed if it is none or a part has the wrong length."""
    try:
        stored = decode(data, _StoredMasterKey)
    except Malformed:
        # The cause could quote the key, so it is not kept.
        raise Malformed("the master key is not the JSON expected") from None
    key = MasterKeyFile(encrypt=stored.encrypt, k=stored.mac.k, r=stored.mac.r)
    if not _has_right_lengths(key):
        raise Malformed("a part of the master key has the wrong length")
    return key


def _has_right_lengths(key: MasterKeyFile) -> bool:
    lengths = (len(key.encrypt), len(key.k), len(key.r))
    return lengths == (_ENCRYPTION_KEY_SIZE, _MAC_KEY_SIZE, _MAC_KEY_SIZE)
