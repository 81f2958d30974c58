"""Cut by a keyed gear hash of the last 64 bytes, with FastCDC's normalisation.

Not byte-compatible with any other FastCDC: the table is secret, the hash is
taken over a whole window from the first legal cut on (elsewhere it restarts
at the minimum, so that the first cuts depend on where the chunk began), and
the masks are the top bits, which alone depend on all 64 bytes.
"""

import sys
from array import array
from collections.abc import Iterator
from functools import cache

from bkp._native.gear import GEAR_RUNS_HERE, gear_find

from . import Stream
from .cutting import cut_stream
from .kernels import chosen
from .params import DEFAULT_SIZES, ChunkSizes

TABLE_BYTES = 2048

# Before the turn a cut is 2^2 times rarer than the target says, after it 2^2 times likelier:
# level 2 of the paper, the one nearly everybody uses.
LEVEL = 2

# With strict distances of 4 targets and loose ones of 1/4, the mean is the target again if the
# turn comes 4 ln(5/4) = 0.89257 targets after the minimum.
TURN_NUMERATOR, TURN_DENOMINATOR = 914, 1024


@cache
def gear_kernel() -> str:
    """Return the variant of the kernel in use, which BKP_GEAR_KERNEL may name.

    Raises UsageError if it names one that does not run here.
    """
    return chosen("BKP_GEAR_KERNEL", GEAR_RUNS_HERE)


class FastCDC:
    """FastCDC with a secret table, so that who lacks the key cannot predict the cuts.

    Chunks have the same minimum, mean and maximum as Rabin's for the same
    sizes; normalisation only draws the sizes towards the mean.  The table is
    2048 bytes, 256 little-endian numbers of 64 bits, and should look random:
    another table is another chunker, which finds no duplicates of the first.
    """

    __slots__ = ("_kernel", "_loose", "_maximum", "_minimum", "_strict", "_table", "_turn")

    def __init__(self, table: bytes, sizes: ChunkSizes = DEFAULT_SIZES) -> None:
        if len(table) != TABLE_BYTES:
            raise ValueError(f"a gear table has {TABLE_BYTES} bytes, not {len(table)}")
        self._kernel = gear_kernel()
        self._table = _native_order(table)
        bits = sizes.target.bit_length() - 1
        self._strict = _top_bits(bits + LEVEL)
        self._loose = _top_bits(bits - LEVEL)
        self._minimum = sizes.minimum
        self._maximum = sizes.maximum
        turn = sizes.minimum + sizes.target * TURN_NUMERATOR // TURN_DENOMINATOR
        self._turn = min(turn, sizes.maximum)

    @property
    def uncut(self) -> int:
        """The size in bytes up to which a stream is one chunk."""
        return self._minimum

    def chunks(self, stream: Stream) -> Iterator[bytes]:
        """Yield the chunks of a stream, as Chunker promises."""
        return cut_stream(stream, self._find_cut)

    def _find_cut(self, held: bytearray, length: int, searched: int) -> int:
        """Search strictly as far as the turn, then loosely."""
        start = max(searched + 1, self._minimum)
        stop = min(length, self._turn)
        if cut := self._search(self._strict, held, start, stop):
            return cut
        start = max(start, stop + 1)
        stop = min(length, self._maximum)
        if cut := self._search(self._loose, held, start, stop):
            return cut
        return stop if stop == self._maximum else 0

    def _search(self, mask: int, held: bytearray, start: int, stop: int) -> int:
        if start > stop:
            return 0
        return gear_find(self._table, mask, held, start, stop, self._kernel)


def _top_bits(count: int) -> int:
    return ((1 << count) - 1) << (64 - count)


def _native_order(table: bytes) -> bytes:
    words = array("Q", table)
    if sys.byteorder == "big":
        words.byteswap()
    return words.tobytes()
