"""Types and contract of the envelope kernel, built from `ext/envelope`.

Pieces are pairs of offset and length in bytes; ValueError if one lies beyond
the data.  MemoryError also stands for a library that refuses to work.
"""

_Buffer = bytes | bytearray | memoryview

class Altered(Exception):
    """What was sealed did not open to what it was made of: the machine is broken."""

def missing_library() -> str | None:
    """Say which library of the system cannot be had, without which there is no Engine."""

def library_versions() -> tuple[str, str]:
    """Return the versions of libcrypto and libzstd in their own words; ValueError without them."""

class Engine:
    """Works with one key, in any number of threads at once.

    Each thread that is at work at the same time costs a context of its own,
    which is kept and has room for the largest batch it saw.
    """

    def __init__(self, encrypt: bytes, k: bytes, r: bytes, level: int, verify: bool) -> None:
        """Take a key's three parts, of 32, 16 and 16 bytes, and zstd's level.

        With `verify`, what is sealed is opened again and compared.
        """

    def name_each(self, data: _Buffer, pieces: list[tuple[int, int]]) -> bytes:
        """Return the SHA-256 of each piece, 32 bytes each."""

    def seal_each(
        self, data: _Buffer, pieces: list[tuple[int, int]], compress: bool, ivs: bytes
    ) -> tuple[memoryview, list[int]]:
        """Return each piece sealed, one behind the other, and the length of each.

        They are compressed before if asked to; each has its IV of 16 bytes.
        Raises Altered if one was opened again and differed.
        They lie in the context of this call, which is held until they are
        dropped: to be used soon.
        """

    def open_each(
        self,
        data: _Buffer,
        pieces: list[tuple[int, int]],
        raw_lengths: list[int],
        names: bytes,
        plain: bytearray | memoryview,
    ) -> bytes:
        """Open each piece into `plain`, one behind the other; 1 for each that is sound, else 0.

        A raw length is that of the plaintext of what is compressed, else 0.
        Where a piece is not sound, its room in `plain` holds anything.
        """
