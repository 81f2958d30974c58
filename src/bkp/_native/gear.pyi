"""Types and contract of the gear kernel, built from `ext/gear`."""

GEAR_VARIANTS: tuple[str, ...]
"""The ways to search that were built, the slowest first; all find the same."""

GEAR_RUNS_HERE: tuple[str, ...]
"""Those of them that this processor can run."""

def gear_find(
    table: bytes,
    mask: int,
    data: bytes | bytearray | memoryview,
    start: int,
    stop: int,
    variant: str,
) -> int:
    """Find the first gear cut at a position from `start` to `stop`, both included; 0 if none.

    There is a cut at p where the gear hash of data[p-64:p] has no bit of the
    mask.  The table is 256 numbers of 64 bits in native byte order.
    64 <= start <= stop <= len(data).
    """
