"""Cut where restic cuts: by the Rabin fingerprint of the last 64 bytes."""

from collections.abc import Iterator
from functools import cache

from bkp._native.rabin import RABIN_RUNS_HERE, rabin_find, rabin_tables
from bkp.errors import UnsupportedFormat

from . import Stream
from .cutting import cut_stream
from .kernels import chosen
from .params import DEFAULT_SIZES, ChunkSizes
from .polynomial import DEGREE, is_irreducible


@cache
def rabin_kernel() -> str:
    """Return the variant of the kernel in use, which BKP_RABIN_KERNEL may name.

    Raises UsageError if it names one that does not run here.
    """
    return chosen("BKP_RABIN_KERNEL", RABIN_RUNS_HERE)


class Rabin:
    """The chunker of restic's repositories, and of rustic's with its size keys.

    Cuts after a byte when the chunk has at least the minimum size and the
    fingerprint's low bits are zero, or at the maximum.  Raises
    UnsupportedFormat unless the polynomial is irreducible of degree 53.
    """

    __slots__ = ("_kernel", "_mask", "_maximum", "_minimum", "_tables")

    def __init__(self, polynomial: int, sizes: ChunkSizes = DEFAULT_SIZES) -> None:
        if polynomial >> DEGREE != 1 or not is_irreducible(polynomial):
            raise UnsupportedFormat(
                f"chunker polynomial {polynomial:x} is not irreducible of degree {DEGREE}"
            )
        self._kernel = rabin_kernel()
        self._tables = rabin_tables(polynomial)
        self._mask = sizes.target - 1
        self._minimum = sizes.minimum
        self._maximum = sizes.maximum

    @property
    def uncut(self) -> int:
        """The size in bytes up to which a stream is one chunk."""
        return self._minimum

    def chunks(self, stream: Stream) -> Iterator[bytes]:
        """Yield the chunks of a stream, as Chunker promises."""
        return cut_stream(stream, self._find_cut)

    def _find_cut(self, held: bytearray, length: int, searched: int) -> int:
        start = max(searched + 1, self._minimum)
        stop = min(length, self._maximum)
        if start > stop:
            return 0
        if cut := rabin_find(self._tables, self._mask, held, start, stop, self._kernel):
            return cut
        return stop if stop == self._maximum else 0
