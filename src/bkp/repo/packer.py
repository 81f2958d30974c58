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

_OPEN_PACKS = 2  # as many as one random bit can choose from


@dataclass(frozen=True, slots=True)
class Pack:
    """A finished pack: its identity, its bytes, and what is in it."""

    id: PackId
    data: bytearray
    blobs: list[PackedBlob]


@dataclass(slots=True)
class OpenPack:
    """A pack that is being filled: its bytes so far, and what is in it."""

    data: bytearray = field(default_factory=bytearray)
    blobs: list[PackedBlob] = field(default_factory=list)

    def add(self, blob: SealedBlob) -> None:
        """Append a blob."""
        kind, name, sealed, raw_length = blob
        self.blobs.append(PackedBlob(kind, name, len(self.data), len(sealed), raw_length))
        self.data += sealed

    def join(self, other: "OpenPack") -> None:
        """Append what is in another."""
        start = len(self.data)
        self.blobs += [blob._replace(offset=start + blob.offset) for blob in other.blobs]
        self.data += other.data

    def seal(self, envelope: Envelope) -> Pack:
        """Append the sealed header and its length; nothing can be added after that."""
        header = envelope.seal_raw(encode_header(self.blobs))
        self.data += header
        self.data += encode_trailer(len(header))
        return Pack(PackId(sha256(self.data).digest()), self.data, self.blobs)


class Packer:
    """Packs the blobs of one type; not for several threads at once.

    `add` and `finish` hand out packs that are full but not sealed: that costs
    time and is done elsewhere.
    """

    def __init__(self, target_size: int) -> None:
        self._target_size = target_size
        self._open = [OpenPack() for _ in range(_OPEN_PACKS)]

    def add(self, blob: SealedBlob) -> OpenPack | None:
        """Take a blob; return a pack if that filled one."""
        if len(blob.sealed) >= self._target_size:
            alone = OpenPack()
            alone.add(blob)
            return alone
        chosen = random.getrandbits(1)
        pack = self._open[chosen]
        pack.add(blob)
        if len(pack.data) < self._target_size and len(pack.blobs) < MAX_HEADER_BLOBS:
            return None
        self._open[chosen] = OpenPack()
        return pack

    def finish(self) -> list[OpenPack]:
        """Return the packs still open: one if they fit into one."""
        packs = [pack for pack in self._open if pack.blobs]
        self._open = [OpenPack() for _ in range(_OPEN_PACKS)]
        if len(packs) > 1 and sum(len(pack.data) for pack in packs) < self._target_size:
            first, *others = packs
            for pack in others:
                first.join(pack)
            return [first]
        return packs
