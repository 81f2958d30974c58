"""Collect sealed blobs until they make a pack.  No I/O.

A pack is the sealed blobs one behind the other, the sealed header, and the
header's length.  Blobs of one type go at random to one of two open packs, so
that the sizes of packs tell less about which files are in them (restic does
so since 0.18: https://github.com/restic/restic/issues/5291).
"""

import random
from dataclasses import dataclass, field
from hashlib import sha256

from bkp.formats.pack import MAX_HEADER_BLOBS, PackedBlob, encode_header, encode_trailer
from bkp.ids import PackId

from .envelope import Envelope, SealedBlob

DEFAULT_PACK_SIZE = 16 << 20  # bytes of blobs at which a pack is closed, restic's default

_OPEN_PACKS = 2


@dataclass(frozen=True, slots=True)
class Pack:
    """A finished pack: its identity, its bytes, and what is in it."""

    id: PackId
    data: bytes
    blobs: list[PackedBlob]


@dataclass(slots=True)
class _OpenPack:
    blobs: list[SealedBlob] = field(default_factory=list)
    size: int = 0

    def add(self, blob: SealedBlob) -> None:
        self.blobs.append(blob)
        self.size += len(blob.sealed)


class Packer:
    """Packs the blobs of one type; not for several threads at once.

    `add` and `finish` hand out lists of sealed blobs that belong together in
    one pack: putting a pack together costs time and is done elsewhere.
    """

    def __init__(self, target_size: int) -> None:
        self._target_size = target_size
        self._open = [_OpenPack() for _ in range(_OPEN_PACKS)]

    def add(self, blob: SealedBlob) -> list[SealedBlob] | None:
        """Take a blob; return the contents of a pack if that filled one."""
        if len(blob.sealed) >= self._target_size:
            return [blob]
        chosen = random.randrange(_OPEN_PACKS)
        pack = self._open[chosen]
        pack.add(blob)
        if pack.size < self._target_size and len(pack.blobs) < MAX_HEADER_BLOBS:
            return None
        self._open[chosen] = _OpenPack()
        return pack.blobs

    def finish(self) -> list[list[SealedBlob]]:
        """Return the contents of the packs still open: one if they fit into one."""
        packs = [pack for pack in self._open if pack.blobs]
        self._open = [_OpenPack() for _ in range(_OPEN_PACKS)]
        if len(packs) > 1 and sum(pack.size for pack in packs) < self._target_size:
            return [[blob for pack in packs for blob in pack.blobs]]
        return [pack.blobs for pack in packs]


def assemble(blobs: list[SealedBlob], envelope: Envelope) -> Pack:
    """Put a pack together: blobs, sealed header, length of the sealed header."""
    packed = []
    offset = 0
    for blob in blobs:
        length = len(blob.sealed)
        packed.append(PackedBlob(blob.type, blob.id, offset, length, blob.raw_length))
        offset += length
    header = envelope.seal_raw(encode_header(packed))
    data = b"".join([*(blob.sealed for blob in blobs), header, encode_trailer(len(header))])
    return Pack(PackId(sha256(data).digest()), data, packed)
