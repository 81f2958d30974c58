"""Cut every so many bytes, as rustic does when its config says so."""

from collections.abc import Iterator

from bkp.errors import UnsupportedFormat

from . import Stream
from .cutting import cut_stream
from .params import LARGEST_CHUNK, SMALLEST_TARGET


class FixedSize:
    """The chunker for what changes in place: disk images, databases.

    One inserted byte moves every later cut.  Raises UnsupportedFormat for a
    size outside the bounds that hold for all chunks.
    """

    __slots__ = ("_size",)

    def __init__(self, size: int) -> None:
        if not SMALLEST_TARGET <= size <= LARGEST_CHUNK:
            raise UnsupportedFormat(
                f"chunk size {size} is not between {SMALLEST_TARGET} and {LARGEST_CHUNK}"
            )
        self._size = size

    @property
    def uncut(self) -> int:
        """The size in bytes up to which a stream is one chunk."""
        return self._size

    def chunks(self, stream: Stream) -> Iterator[bytes]:
        """Yield the chunks of a stream, as Chunker promises."""
        return cut_stream(stream, self._find_cut)

    def _find_cut(self, _held: bytearray, length: int, _searched: int) -> int:
        return self._size if length >= self._size else 0
