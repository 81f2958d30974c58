"""Indexes: which blobs are in which packs, at which places.

    {"packs":[{"id":P,"blobs":[{"id":B,"type":"data","offset":0,"length":38,
    "uncompressed_length":5}]}]}

in one line, and a newline.  Lengths are those of sealed blobs in the pack;
`uncompressed_length` is missing where a blob was stored uncompressed.
rustic adds `packs_to_delete`, packs that are marked: their blobs may still be
read but must not be relied upon, and `time` is when they were marked.  bkp adds
`bkp_writers` beside them: who held a lock once the marks were to be seen, and
so may rely on the packs because it did not see them.

Source: restic's doc/design.rst, "Indexing"; rustic_core's IndexFile.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import msgspec

from bkp.errors import Malformed
from bkp.ids import BlobId, PackId

from .gojson import Uint32, Uint63, decode, encode
from .headers import pack_json
from .hexids import parse_hex_id, parse_hex_ids
from .pack import SEAL_OVERHEAD, BlobType, PackedBlob

_TYPES = {"data": BlobType.DATA, "tree": BlobType.TREE}
_TYPE_NAMES: Final[dict[BlobType, Literal["data", "tree"]]] = {
    BlobType.DATA: "data",
    BlobType.TREE: "tree",
}


@dataclass(frozen=True, slots=True)
class IndexedPack:
    """A pack and what an index says is in it.

    `time` is RFC 3339 text and `size` bytes, as rustic writes them; restic
    writes neither.
    """

    id: PackId
    blobs: list[PackedBlob]
    time: str | None = None
    size: int | None = None


class Writer(NamedTuple):
    """A process that may write to the repository, as its lock names it."""

    hostname: str
    pid: int


@dataclass(frozen=True, slots=True)
class Index:
    """Everything one index object says; `writers` is None if it does not say who they were."""

    packs: list[IndexedPack]
    packs_to_delete: list[IndexedPack] = field(default_factory=list)
    writers: frozenset[Writer] | None = None


class _Blob(msgspec.Struct, omit_defaults=True, gc=False):
    id: str
    type: Literal["data", "tree"]
    offset: Uint32 = msgspec.field(default_factory=int)  # a factory: written even if 0
    length: Uint32 = msgspec.field(default_factory=int)
    uncompressed_length: Uint32 | None = None


class _Pack(msgspec.Struct, omit_defaults=True):
    id: str
    blobs: list[_Blob] | None
    time: str | None = None
    size: Uint32 | None = None


class _Index(msgspec.Struct, omit_defaults=True):
    packs: list[_Pack] | None
    packs_to_delete: list[_Pack] = []
    bkp_writers: list[tuple[str, Uint63]] | None = None


def encode_index(
    packs: Iterable[IndexedPack],
    version: int,
    packs_to_delete: Iterable[IndexedPack] = (),
    writers: Iterable[Writer] | None = None,
) -> bytes:
    """Return the JSON of an index for a repository of a version, with restic's newline.

    Raises Malformed for a compressed blob in version 1, which cannot have any:
    what is said about the version, or about the pack, is wrong.
    """
    stored = [_stored_pack(pack) for pack in packs]
    to_delete = [_stored_pack(pack) for pack in packs_to_delete]
    if version == 1:
        for pack in stored + to_delete:
            if any(blob.uncompressed_length for blob in pack.blobs or ()):
                raise Malformed(
                    f"data/{pack.id} has compressed blobs, which version 1 has not; if the config "
                    "is a copy from before an upgrade, `bkp migrate upgrade_repo_v2` helps"
                )
    known = None if writers is None else sorted((one.hostname, one.pid) for one in writers)
    return encode(_Index(stored, to_delete, known)) + b"\n"


def encode_stored(packs: Iterable[tuple[PackId, bytes]]) -> bytearray:
    """Return what `encode_index` returns, of packs given by their headers, not sealed.

    Raises ValueError for what is no header.
    """
    text = bytearray(b'{"packs":[')
    for pack in packs:
        text += pack_json(*pack) + b","
    return text.removesuffix(b",") + b"]}\n"


def _stored_pack(pack: IndexedPack) -> _Pack:
    return _Pack(
        pack.id.hex(),
        [
            _Blob(blob.hex(), _TYPE_NAMES[kind], offset, length, raw_length or None)
            for kind, blob, offset, length, raw_length in pack.blobs
        ],
        pack.time,
        pack.size,
    )


def decode_index(data: bytes) -> Index:
    """Return what an index says, in stored order.

    A pack may be in several indexes and a blob in several packs.  Raises
    Malformed if it is no index, or an id, type or length is impossible.
    """
    stored = decode(data, _Index)
    return Index(
        [_indexed_pack(pack) for pack in stored.packs or []],  # null is what Go makes of no list
        [_indexed_pack(pack) for pack in stored.packs_to_delete],
        None if stored.bkp_writers is None else frozenset(map(Writer._make, stored.bkp_writers)),
    )


def _indexed_pack(pack: _Pack) -> IndexedPack:
    blobs = pack.blobs or []
    ids = parse_hex_ids([blob.id for blob in blobs])
    if blobs and min(blob.length for blob in blobs) < SEAL_OVERHEAD:
        raise Malformed(f"index: a blob shorter than its seal in pack {pack.id[:80]!r}")
    return IndexedPack(
        PackId(parse_hex_id(pack.id)),
        [
            PackedBlob(
                _TYPES[blob.type],
                BlobId(id_),
                blob.offset,
                blob.length,
                blob.uncompressed_length or 0,
            )
            for blob, id_ in zip(blobs, ids, strict=True)
        ],
        pack.time,
        pack.size,
    )
