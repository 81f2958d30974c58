"""The only place where plaintext meets ciphertext: compress and seal, and back.

Every read verifies: the MAC before decrypting, and a blob's SHA-256 after
decompressing.  Every write is opened again before it leaves memory, because
a bit that flips between compressing and sealing would be authenticated as it
is and found only when somebody restores (restic has met such machines).
"""

from dataclasses import dataclass

from bkp.crypto.seal import Key, Sealer
from bkp.errors import Inauthentic, IntegrityError
from bkp.formats.compression import Level, compress, decompress
from bkp.formats.pack import BlobType, PackedBlob
from bkp.formats.unpacked import unwrap, wrap
from bkp.ids import BlobId, blob_id

_Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class SealedBlob:
    """A blob ready to be packed; `raw_length` is 0 if it is stored uncompressed."""

    type: BlobType
    id: BlobId
    sealed: bytearray
    raw_length: int


class Envelope:
    """Seals and opens everything of one repository; shareable between threads."""

    def __init__(self, key: Key, version: int, level: Level) -> None:
        self._sealer = Sealer(key)
        self._version = version
        self._level = level

    def seal_blob(self, kind: BlobType, name: BlobId, plain: bytes) -> SealedBlob:
        """Compress (in version 2) and seal a blob whose identity is known to be `name`."""
        packed, raw_length = plain, 0
        if self._compresses(kind) and plain:
            packed, raw_length = compress(plain, self._level), len(plain)
        sealed = self._sealer.seal(packed)
        again: _Buffer = self._sealer.unseal(sealed)
        if raw_length:
            again = decompress(again, raw_length)
        if again != plain:
            raise _broken_machine("a blob")
        return SealedBlob(kind, name, sealed, raw_length)

    def open_blob(self, blob: PackedBlob, sealed: _Buffer) -> bytes:
        """Return the plaintext of a blob.

        Raises Inauthentic or Malformed if it is not what its identity says.
        """
        packed = self._sealer.unseal(sealed)
        plain = decompress(packed, blob.raw_length) if blob.raw_length else bytes(packed)
        if blob_id(plain) != blob.id:
            raise Inauthentic(f"blob {blob.id.hex()} does not match its name")
        return plain

    def seal_file(self, plain: bytes) -> bytes:
        """Compress (in version 2) and seal an index, snapshot or lock."""
        sealed = bytes(self._sealer.seal(wrap(plain, self._version)))
        if self.open_file(sealed) != plain:
            raise _broken_machine("an object")
        return sealed

    def open_file(self, sealed: _Buffer) -> bytes:
        """Return what `seal_file` was given; raises Inauthentic or Malformed."""
        return unwrap(bytes(self._sealer.unseal(sealed)), self._version)

    def seal_raw(self, plain: bytes) -> bytes:
        """Seal as it is: the config and the headers of packs are never compressed."""
        sealed = bytes(self._sealer.seal(plain))
        if self._sealer.unseal(sealed) != plain:
            raise _broken_machine("a header")
        return sealed

    def open_raw(self, sealed: _Buffer) -> bytes:
        """Return what `seal_raw` was given; raises Inauthentic."""
        return bytes(self._sealer.unseal(sealed))

    def _compresses(self, kind: BlobType) -> bool:
        # As restic: "off" is about data only, trees always compress well.
        return self._version > 1 and (self._level is not Level.OFF or kind is BlobType.TREE)


def _broken_machine(what: str) -> IntegrityError:
    return IntegrityError(
        f"{what} changed while it was being sealed, before it was stored; "
        "nothing bad was written, but this machine's memory or CPU is not to be trusted"
    )
