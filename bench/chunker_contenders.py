"""The chunkers compared, each with as many keys as one likes.

Beside the two that bkp offers there are two that take them apart: the gear
hash without FastCDC's normalisation, so that hash and normalisation can be
judged apart, and fixed sizes, to show what content-defined cuts are worth.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bkp._native.gear import gear_find
from bkp.chunking import Chunker, Stream
from bkp.chunking.cutting import cut_stream
from bkp.chunking.fastcdc import TABLE_BYTES, FastCDC, gear_kernel
from bkp.chunking.fixed import FixedSize
from bkp.chunking.params import ChunkSizes
from bkp.chunking.polynomial import DEGREE, is_irreducible
from bkp.chunking.rabin import Rabin


class PlainGear:
    """Cut by the gear hash with one mask throughout, as Rabin does."""

    def __init__(self, table: bytes, sizes: ChunkSizes) -> None:
        bits = sizes.target.bit_length() - 1
        self._table = table
        self._mask = (1 << bits) - 1 << 64 - bits
        self._sizes = sizes

    @property
    def uncut(self) -> int:
        return self._sizes.minimum

    def chunks(self, stream: Stream) -> Iterator[bytes]:
        return cut_stream(stream, self._find_cut)

    def _find_cut(self, held: bytearray, length: int, searched: int) -> int:
        start = max(searched + 1, self._sizes.minimum)
        stop = min(length, self._sizes.maximum)
        if start > stop:
            return 0
        if cut := gear_find(self._table, self._mask, held, start, stop, gear_kernel()):
            return cut
        return stop if stop == self._sizes.maximum else 0


@dataclass(frozen=True, slots=True)
class Contender:
    """A name, and how to make the chunker for a key and sizes."""

    name: str
    make: Callable[[int, ChunkSizes], Chunker]


def polynomial_of(key: int) -> int:
    """Draw as `random_polynomial` does, but the same for the same key."""
    rng = random.Random(f"polynomial {key}")
    while True:
        candidate = rng.getrandbits(DEGREE) | 1 << DEGREE | 1
        if is_irreducible(candidate):
            return candidate


def table_of(key: int) -> bytes:
    return random.Random(f"gear {key}").randbytes(TABLE_BYTES)


RABIN = Contender("Rabin", lambda key, sizes: Rabin(polynomial_of(key), sizes))
FASTCDC = Contender("FastCDC", lambda key, sizes: FastCDC(table_of(key), sizes))
PLAIN = Contender("gear, one mask", lambda key, sizes: PlainGear(table_of(key), sizes))
FIXED = Contender("fixed size", lambda _, sizes: FixedSize(sizes.minimum + sizes.target))

CONTENDERS = (RABIN, FASTCDC, PLAIN, FIXED)
