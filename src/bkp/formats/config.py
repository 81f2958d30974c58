"""The config: what every client of a repository must agree about.

    {"version":2,"id":"64 hex digits","chunker_polynomial":"3da3358b4dc173"}

rustic adds `chunker` and the sizes of chunks, bkp adds `bkp_chunker`; restic
and rustic ignore keys they do not know, and so do we, but we keep them.

Source: restic's doc/design.rst, "Repository Layout"; rustic_core's ConfigFile.
"""

import re
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from bkp.errors import Malformed, UnsupportedFormat
from bkp.ids import is_id

from .gojson import decode, encode_object, unknown_keys

VERSIONS = (1, 2)

# A chunk becomes a blob, and the sealed size of a blob is 32 bits in a pack's header.
MAX_CHUNK_SIZE = 2**31
_ChunkSize = Annotated[int, msgspec.Meta(ge=1, le=MAX_CHUNK_SIZE)]

_POLYNOMIAL = re.compile(r"[0-9a-f]{1,16}")  # 64 bits

# How rustic writes what we name as people do.
_RUSTIC_CHUNKERS = {"Rabin": "rabin", "FixedSize": "fixed_size"}
_STORED_CHUNKERS = {name: stored for stored, name in _RUSTIC_CHUNKERS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A repository's config; what is "" or None is not stored.

    `id` is a random name of the repository.  `chunker` is "rabin",
    "fixed_size", or what a later rustic may add; `bkp_chunker` comes before it.
    Sizes are in bytes.
    """

    version: int
    id: str
    chunker_polynomial: int
    chunker: str = ""
    chunk_size: int | None = None
    chunk_min_size: int | None = None
    chunk_max_size: int | None = None
    bkp_chunker: str = ""
    extra: dict[str, object] = field(default_factory=dict)


class _Versioned(msgspec.Struct):
    version: int


class _Stored(msgspec.Struct):
    version: int
    id: str
    chunker_polynomial: str
    chunker: str | None = None
    chunk_size: _ChunkSize | None = None
    chunk_min_size: _ChunkSize | None = None
    chunk_max_size: _ChunkSize | None = None
    bkp_chunker: str | None = None


_KEYS = _Stored.__struct_fields__
_OPTIONAL = _KEYS[3:]


def encode_config(config: Config) -> bytes:
    """Return the JSON of a config."""
    known = {key: getattr(config, key) for key in _KEYS}
    known["chunker_polynomial"] = f"{config.chunker_polynomial:x}"
    known["chunker"] = _STORED_CHUNKERS.get(config.chunker, config.chunker)
    return encode_object(known, _OPTIONAL, config.extra)


def decode_config(data: bytes) -> Config:
    """Read a config.

    Raises UnsupportedFormat for a version this program does not know, and
    Malformed for what is no config.  Whether the polynomial is any good is not
    known here.
    """
    version = decode(data, _Versioned).version
    if version not in VERSIONS:
        raise UnsupportedFormat(
            f"the repository has format version {version}; this program knows 1 and 2"
        )
    stored = decode(data, _Stored)
    if not is_id(stored.id):
        raise Malformed("config: the id is not 64 hex digits")
    if not _POLYNOMIAL.fullmatch(stored.chunker_polynomial):
        raise Malformed("config: the polynomial is not up to 16 hex digits")
    chunker = stored.chunker or ""
    return Config(
        version=version,
        id=stored.id,
        chunker_polynomial=int(stored.chunker_polynomial, 16),
        chunker=_RUSTIC_CHUNKERS.get(chunker, chunker),
        chunk_size=stored.chunk_size,
        chunk_min_size=stored.chunk_min_size,
        chunk_max_size=stored.chunk_max_size,
        bkp_chunker=stored.bkp_chunker or "",
        extra=unknown_keys(data, _KEYS),
    )
