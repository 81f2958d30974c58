"""Zero runs: which parts of a piece of a file need no writing.

Pure.  Correct only for files whose bytes are zero until written, as those of
a file that was just created and stretched are.
"""

from collections.abc import Iterator

# Holes are whole blocks of this size and at a multiple of it.  Smaller ones would save little
# and break a database or a disk image into fragments when it is used again.
HOLE = 32 << 10  # bytes

_ZEROS = bytes(HOLE)


def data_runs(data: bytes | memoryview, offset: int) -> Iterator[tuple[int, int]]:
    """Yield start and end, within `data`, of the runs that are to be written.

    `offset` is where `data` lies in its file.  What is in no run is zero.
    Blocks that `data` holds only a part of, at its ends, are left out too if
    that part is zero: the rest of the block is in the next piece, and a long
    run of zeros must not be broken where pieces meet.
    """
    start = None
    position = 0
    while position < len(data):
        size = min(HOLE - (offset + position) % HOLE, len(data) - position)
        zeros = _ZEROS if size == HOLE else _ZEROS[:size]
        # Comparing a view with bytes goes byte by byte; a copy of so few is faster.
        if not data[position] and bytes(data[position : position + size]) == zeros:
            if start is not None:
                yield start, position
                start = None
        elif start is None:
            start = position
        position += size
    if start is not None:
        yield start, position
