"""Sizes of chunks, within bounds that no repository can talk us out of.

They come from a repository's config, so from outside: a tiny target would
fill memory with an index of small blobs, a huge maximum with one chunk.
The meanings are those of rustic's keys: `chunk_min_size`, `chunk_size`,
`chunk_max_size`.
"""

from dataclasses import dataclass

from bkp.errors import UnsupportedFormat

KiB = 1 << 10
MiB = 1 << 20

WINDOW = 64  # bytes that decide a cut, so no chunk can be smaller
SMALLEST_TARGET = 4 * KiB  # a 1 TB repository has then 120 million blobs, 6 GB of index
LARGEST_CHUNK = 64 * MiB  # each thread holds one in memory


@dataclass(frozen=True, slots=True)
class ChunkSizes:
    """The least, the usual and the greatest size of a chunk, in bytes.

    `target` is a power of two: the mean distance, in random data, from the
    minimum to the cut.  So the mean chunk has `minimum + target` bytes (1.5
    MiB by default), whatever the word "average" in other tools suggests.
    The defaults are restic's.  Raises UnsupportedFormat for sizes that make
    no sense or lie outside the bounds above.
    """

    minimum: int = 512 * KiB
    target: int = 1 * MiB
    maximum: int = 8 * MiB

    def __post_init__(self) -> None:
        if self.target.bit_count() != 1 or self.target < SMALLEST_TARGET:
            raise UnsupportedFormat(
                f"chunk size {self.target} is not a power of two of at least {SMALLEST_TARGET}"
            )
        if not WINDOW <= self.minimum <= self.target:
            raise UnsupportedFormat(
                f"minimum chunk size {self.minimum} is not between {WINDOW}"
                f" and the chunk size {self.target}"
            )
        if not self.target <= self.maximum <= LARGEST_CHUNK:
            raise UnsupportedFormat(
                f"maximum chunk size {self.maximum} is not between the chunk size"
                f" {self.target} and {LARGEST_CHUNK}"
            )


DEFAULT_SIZES = ChunkSizes()
