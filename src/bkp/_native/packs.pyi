"""Types and contract of the packs kernel, built from `ext/packs`.

A header is that of a pack as formats.pack describes it, not sealed;
ValueError for what is none, and for ids that are not 32 bytes.
"""

from bkp.ids import BlobId

_Buffer = bytes | bytearray | memoryview

class Filling:
    """A pack being filled: a buffer of its bytes so far; not for several threads at once.

    While somebody looks at the buffer, changing it raises BufferError.
    """

    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __len__(self) -> int:
        """Return the number of bytes."""

    @property
    def blobs(self) -> int:
        """The number of blobs."""
    @property
    def header(self) -> bytes:
        """What says which blobs they are."""

    def add_each(
        self,
        names: list[BlobId],
        sealed: list[_Buffer],
        raw_lengths: list[int],
        is_tree: bool,
        chosen: bytes,
        other: Filling,
        start: int,
        target: int,
        most: int,
    ) -> int:
        """Append blobs from number `start` on, here or to `other`: here if `chosen` is odd.

        Stops behind the blob with which a pack has `target` bytes or `most`
        blobs, and returns the number of the next.
        """

    def append(self, data: _Buffer) -> None:
        """Append bytes that are no blob."""

    def join(self, other: Filling) -> None:
        """Append everything that is in another."""

    def clear(self) -> None:
        """Make it empty, and keep its memory for the next."""

def header_ids(header: bytes) -> list[BlobId]:
    """Return the ids of the blobs."""

def pack_json(pack: bytes, header: bytes) -> bytes:
    """Return what an index object says of a pack: `{"id":...,"blobs":[...]}`."""
