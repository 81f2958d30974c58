"""Cut a stream of bytes into chunks.

`rabin.Rabin` cuts as restic does, `fastcdc.FastCDC` by a keyed gear hash,
`fixed.FixedSize` every so many bytes.  Nothing in this package knows of
files, ids, or who chose a polynomial or a table.
"""

from collections.abc import Iterator
from typing import Protocol


class Stream(Protocol):
    """What can be cut: an unbuffered file, a BytesIO and the like."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Read some bytes into `buffer` and say how many: 0 at the end, None for try again."""


class Chunker(Protocol):
    """A rule for where to cut, fixed for the life of a repository."""

    @property
    def uncut(self) -> int:
        """The size in bytes up to which a stream is one chunk, whatever is in it."""

    def chunks(self, stream: Stream) -> Iterator[bytes]:
        """Read a stream to its end and yield it piece by piece.

        The pieces join to the stream, none is empty, and where they end
        depends on the bytes alone, not on how the stream hands them out.
        The memory taken is that of the largest chunk and a read buffer; a
        short stream takes no more than itself.  A chunker never changes, so
        any number of threads may use one at once, each on a stream of its
        own.  What the stream raises passes through.
        """
