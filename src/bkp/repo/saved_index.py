"""The blob index as a file, to be mapped into memory as it is.

    magic and version                        16 bytes
    nonce                                    16
    numbers of data records, tree records,
    packs, odd places, index objects         5 * u64
    code                                     16
    records of data, then of trees           45 each, sorted
    ids of packs                             32 each, in the order of their numbers
    odd places                               12 each
    ids of the index objects it was made of  32 each

All numbers are big-endian; records and odd places are described in
`ext/index/records.h`.  The code covers everything but itself, under a key that
only holders of the repository's key have: whatever opens was made by one of
them, for this repository, and is whole.

Does not know where the file is, nor when it is worth while.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from mmap import mmap
from struct import Struct
from typing import BinaryIO

from bkp.crypto.authenticator import NONCE_SIZE, TAG_SIZE, Authenticator
from bkp.crypto.seal import Key
from bkp.errors import Malformed
from bkp.formats.pack import BlobType
from bkp.ids import ID_SIZE

from .index import SAVED_BLOB, SAVED_ODD_PLACE, BlobIndex, SavedLayout

MAGIC = b"bkp blob index 1"
_LABEL = "bkp saved blob index"
_HEADER = Struct(f">16s{NONCE_SIZE}s5Q{TAG_SIZE}s")
_ITEMS = (SAVED_BLOB, SAVED_BLOB, ID_SIZE, SAVED_ODD_PLACE, ID_SIZE)  # bytes of what is counted
_AT_ONCE = 16 << 20  # bytes authenticated in one call


@dataclass(frozen=True, slots=True)
class SavedIndex:
    """A saved index that was verified, and the index objects it stands for."""

    data: bytearray | mmap
    layout: SavedLayout
    objects: frozenset[bytes]


def write_index(file: BinaryIO, index: BlobIndex, objects: Iterable[bytes], key: Key) -> None:
    """Write an index that was made of just these index objects, from the file's start."""
    nonce = os.urandom(NONCE_SIZE)
    code = Authenticator(key, _LABEL, nonce)
    counts = []
    file.write(bytes(_HEADER.size))  # to be filled in: only then are the numbers known
    parts = (
        index.records(BlobType.DATA),
        index.records(BlobType.TREE),
        (index.pack_ids(),),
        (index.odd(),),
        sorted(objects),
    )
    for pieces, item in zip(parts, _ITEMS, strict=True):
        size = 0
        for piece in pieces:
            file.write(piece)
            code.update(piece)
            size += len(piece)
        counts.append(size // item)
    header = _HEADER.pack(MAGIC, nonce, *counts, b"")[:-TAG_SIZE]
    code.update(header)
    file.seek(0)
    file.write(header + code.tag())


def read_index_file(data: bytearray | mmap, key: Key) -> SavedIndex:
    """Verify a saved index.

    Raises Malformed or Inauthentic unless it is just what `write_index` wrote
    under this key.
    """
    if len(data) < _HEADER.size:
        raise Malformed("too short for a saved index")
    with memoryview(data) as view:
        header = bytes(view[: _HEADER.size])
        magic, nonce, *counts, tag = _HEADER.unpack(header)
        if magic != MAGIC:
            raise Malformed("no saved index of this version")
        sizes = [count * item for count, item in zip(counts, _ITEMS, strict=True)]
        starts = list(accumulate(sizes, initial=_HEADER.size))
        if starts[-1] != len(data):
            raise Malformed(f"a saved index of {len(data)} bytes that must have {starts[-1]}")
        code = Authenticator(key, _LABEL, nonce)
        for at in range(_HEADER.size, len(data), _AT_ONCE):
            with view[at : at + _AT_ONCE] as piece:
                code.update(piece)
        code.update(header[:-TAG_SIZE])
        code.verify(tag)
        ids = bytes(view[starts[4] :])
    objects = frozenset(ids[i : i + ID_SIZE] for i in range(0, len(ids), ID_SIZE))
    data_records, trees, packs, odd, _ = zip(starts, counts, strict=False)
    layout = SavedLayout(packs=packs, odd=odd, data=data_records, tree=trees)
    return SavedIndex(data, layout, objects)
