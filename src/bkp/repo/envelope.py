"""The only place where plaintext meets ciphertext: compress and seal, and back.

Every read verifies: the MAC before decrypting, and a blob's SHA-256 after
decompressing.  Every write is opened again before it leaves memory, unless
that is asked not to be done, because a bit that flips between compressing and
sealing would be authenticated as it is and found only when somebody restores
(restic has met such machines).  Headers of packs and the config always are.
"""

from typing import NamedTuple

from bkp.crypto.seal import OVERHEAD, Key, Sealer
from bkp.errors import Inauthentic, Malformed
from bkp.formats.compression import Level, decompress
from bkp.formats.pack import BlobType, PackedBlob, header_entry_size
from bkp.formats.unpacked import unwrap, wrap
from bkp.ids import ID_SIZE, BlobId, blob_id

from .sealing import Buffer, Piece, choose_engine
from .sealing.portable import broken_machine

# Beyond this a blob is opened by itself: its length is only what somebody wrote into an index.
_MAX_BATCHED = 64 << 20  # bytes, the largest chunk any repository may ask for


class Sealed(NamedTuple):
    """Sealed blobs, one behind the other; the raw length of one that is not compressed is 0."""

    data: Buffer
    lengths: list[int]
    raw_lengths: list[int]

    def stored_sizes(self) -> list[int]:
        """Return the bytes each takes in a pack, with its share of the header."""
        pairs = zip(self.lengths, self.raw_lengths, strict=True)
        return [length + header_entry_size(raw_length) for length, raw_length in pairs]


class Envelope:
    """Seals and opens everything of one repository; shareable between threads."""

    def __init__(self, key: Key, version: int, level: Level, *, verify: bool = True) -> None:
        self._sealer = Sealer(key)
        self._engine = choose_engine(key, level, verify=verify)
        self._version = version
        self._level = level
        self._verify = verify

    def name_each(self, data: Buffer, pieces: list[Piece]) -> list[BlobId]:
        """Return the identity of each piece of `data`."""
        names = self._engine.name_each(data, pieces)
        return [BlobId(names[at : at + ID_SIZE]) for at in range(0, len(names), ID_SIZE)]

    def seal_each(self, kind: BlobType, data: Buffer, pieces: list[Piece]) -> Sealed:
        """Compress (in version 2) and seal blobs, to be used soon."""
        # What is empty must not be compressed: a raw length of 0 says that it is not.
        compress = self._compresses(kind) and all(length for _, length in pieces)
        sealed, lengths = self._engine.seal_each(data, pieces, compress=compress)
        raw_lengths = [length for _, length in pieces] if compress else [0] * len(pieces)
        return Sealed(sealed, lengths, raw_lengths)

    def open_blob(self, blob: PackedBlob, sealed: Buffer) -> bytes:
        """Return the plaintext of a blob.

        Raises Inauthentic or Malformed if it is not what its identity says.
        """
        size = blob.raw_length or len(sealed) - OVERHEAD
        if 0 <= size <= _MAX_BATCHED:
            plain = bytearray(size)
            piece = (0, len(sealed))
            if self._engine.open_each(sealed, [piece], [blob.raw_length], blob.id, plain)[0]:
                return bytes(plain)
        return self._open_slowly(blob, sealed)

    def open_each(
        self,
        data: Buffer,
        pieces: list[Piece],
        raw_lengths: list[int],
        names: bytes,
        to: memoryview,
    ) -> bytes:
        """Open pieces of `data` into `to`, one behind the other.

        Says 1 for each that is what its name says, and 0 for others, of which
        `open_blob` says what is wrong, or opens them after all.
        """
        return self._engine.open_each(data, pieces, raw_lengths, names, to)

    def _open_slowly(self, blob: PackedBlob, sealed: Buffer) -> bytes:
        """Open what is uncommon, or say what is wrong with it."""
        packed = self._sealer.unseal(sealed)
        plain = decompress(packed, blob.raw_length) if blob.raw_length else bytes(packed)
        if blob.raw_length not in {0, len(plain)}:
            raise Malformed(
                f"blob {blob.id.hex()} has {len(plain)} bytes, not {blob.raw_length} as indexed"
            )
        if blob_id(plain) != blob.id:
            raise Inauthentic(f"blob {blob.id.hex()} does not match its name")
        return plain

    def seal_file(self, plain: bytes | bytearray) -> bytearray:
        """Compress (in version 2) and seal an index, snapshot or lock."""
        sealed = self._sealer.seal(wrap(plain, self._version))
        if self._verify and self.open_file(sealed) != plain:
            raise broken_machine("an object")
        return sealed

    def open_file(self, sealed: Buffer) -> bytes:
        """Return what `seal_file` was given; raises Inauthentic or Malformed."""
        return unwrap(self._sealer.unseal(sealed))

    def seal_raw(self, plain: bytes) -> bytes:
        """Seal as it is: the config and the headers of packs are never compressed."""
        sealed = bytes(self._sealer.seal(plain))
        if self._sealer.unseal(sealed) != plain:
            raise broken_machine("a header")
        return sealed

    def open_raw(self, sealed: Buffer) -> bytes:
        """Return what `seal_raw` was given; raises Inauthentic."""
        return bytes(self._sealer.unseal(sealed))

    def _compresses(self, kind: BlobType) -> bool:
        # As restic: "off" is about data only, trees always compress well.
        return self._version > 1 and (self._level is not Level.OFF or kind is BlobType.TREE)
