"""Packs: many sealed blobs, and a sealed header that says what they are.

    sealed blob 1 | ... | sealed blob n | sealed header | length of the sealed header, u32 LE

Unsealed, the header is one entry per blob in the order they are stored, so
that offsets follow from the lengths:

    type  blob                bytes
    0     data, plain         type u8, sealed length u32 LE, id 32
    1     tree, plain         the same
    2     data, compressed    type u8, sealed length u32 LE, plain length u32 LE, id 32
    3     tree, compressed    the same

Sealing adds 32 bytes.  A pack has no gaps and no padding.

Source: restic's doc/design.rst, "Pack Format".
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from struct import Struct
from typing import NamedTuple

from bkp.errors import Malformed
from bkp.ids import BlobId

SEAL_OVERHEAD = 32  # bytes that sealing adds: IV and MAC
MAX_HEADER = 16 << 20  # bytes of a sealed header; restic refuses more
EAGER_READ = 15 * 41 + 36  # bytes from the end that hold the header of most packs, in one read

_TRAILER = Struct("<I")
_PLAIN = Struct("<BI32s")
_COMPRESSED = Struct("<BII32s")
_COMPRESSED_BIT = 2

MAX_HEADER_BLOBS = (MAX_HEADER - SEAL_OVERHEAD) // _COMPRESSED.size  # so many always fit
MAX_LENGTH = 2**32 - 1  # bytes of a sealed blob, of a plain one, and of an offset


class BlobType(Enum):
    """What a blob is; the value is its type in a pack's header when not compressed."""

    DATA = 0
    TREE = 1


class PackedBlob(NamedTuple):
    """One blob and its place in a pack.

    `length` is what it takes in the pack, sealed; `raw_length` is that of its
    plaintext, or 0 if it was stored without compression.
    """

    type: BlobType
    id: BlobId
    offset: int
    length: int
    raw_length: int

    @property
    def plain_length(self) -> int:
        """Bytes of its plaintext."""
        return self.raw_length or self.length - SEAL_OVERHEAD


def header_entry_size(raw_length: int) -> int:
    """Return how many bytes of header a blob takes."""
    return _COMPRESSED.size if raw_length else _PLAIN.size


def header_size(blobs: Iterable[PackedBlob]) -> int:
    """Return the bytes of the header of these blobs, sealed, with the length behind it."""
    return sum(header_entry_size(blob.raw_length) for blob in blobs) + SEAL_OVERHEAD + _TRAILER.size


def pack_size(blobs: Sequence[PackedBlob]) -> int:
    """Return the exact size in bytes of a pack that holds just these blobs."""
    return sum(blob.length for blob in blobs) + header_size(blobs)


def encode_header(blobs: Sequence[PackedBlob]) -> bytes:
    """Return the header of a pack, not sealed.

    Raises ValueError unless the blobs are those of one pack in stored order,
    from its first byte and without gaps, and fit into a header.
    """
    parts = []
    offset = 0
    for blob in blobs:
        if blob.offset != offset:
            raise ValueError(f"gap in pack: blob at {blob.offset}, not {offset}")
        offset += blob.length
        if blob.raw_length:
            kind = blob.type.value | _COMPRESSED_BIT
            parts.append(_COMPRESSED.pack(kind, blob.length, blob.raw_length, blob.id))
        else:
            parts.append(_PLAIN.pack(blob.type.value, blob.length, blob.id))
    header = b"".join(parts)
    if len(header) + SEAL_OVERHEAD > MAX_HEADER:
        raise ValueError(f"header of {len(blobs)} blobs is too long for a pack")
    return header


def encode_trailer(sealed_header_length: int) -> bytes:
    """Return the last bytes of a pack: how long the sealed header before them is."""
    return _TRAILER.pack(sealed_header_length)


def decode_header(header: bytes) -> list[PackedBlob]:
    """Return the blobs that the unsealed header of a pack names.

    Raises Malformed for an unknown type, an entry cut short, and lengths or
    offsets no pack can have.
    """
    blobs = []
    position = offset = 0
    while position < len(header):
        kind = header[position]
        if kind > 3:
            raise Malformed(f"pack header: unknown type {kind} of a blob")
        layout = _COMPRESSED if kind & _COMPRESSED_BIT else _PLAIN
        if position + layout.size > len(header):
            raise Malformed("pack header: ends inside an entry")
        _, length, *raw_length, blob = layout.unpack_from(header, position)
        if length < SEAL_OVERHEAD or raw_length == [0]:
            raise Malformed("pack header: a blob shorter than its seal, or of no length")
        if offset > MAX_LENGTH:
            raise Malformed("pack header: blobs beyond 4 GiB")
        blob_type = BlobType(kind & ~_COMPRESSED_BIT)
        blobs.append(PackedBlob(blob_type, BlobId(blob), offset, length, sum(raw_length)))
        position += layout.size
        offset += length
    return blobs


class HeaderPlace(NamedTuple):
    """Where the sealed header of a pack is, in bytes from the start of the pack."""

    offset: int
    length: int


def locate_header(tail: bytes, size: int) -> HeaderPlace:
    """Find the sealed header of a pack of `size` bytes, given its last bytes.

    Raises Malformed if there cannot be a header of the length given there.
    """
    if len(tail) < _TRAILER.size:
        raise Malformed("pack: too short to be one")
    (length,) = _TRAILER.unpack_from(tail, len(tail) - _TRAILER.size)
    offset = size - _TRAILER.size - length
    if not SEAL_OVERHEAD + _PLAIN.size <= length <= MAX_HEADER or offset < 0:
        raise Malformed(f"pack: a header of {length} bytes in a pack of {size}")
    return HeaderPlace(offset, length)
