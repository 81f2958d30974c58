"""Types and contract of the Rabin kernel, built from `ext/rabin`."""

RABIN_VARIANTS: tuple[str, ...]
"""The ways to search that were built, the slowest first; all find the same."""

RABIN_RUNS_HERE: tuple[str, ...]
"""Those of them that this processor can run."""

def rabin_tables(polynomial: int) -> bytes:
    """Return what `rabin_find` needs for a polynomial of degree 53, in native byte order."""

def rabin_find(
    tables: bytes,
    mask: int,
    data: bytes | bytearray | memoryview,
    start: int,
    stop: int,
    variant: str,
) -> int:
    """Find the first Rabin cut at a position from `start` to `stop`, both included; 0 if none.

    There is a cut at p where the fingerprint of data[p-64:p] has no bit of
    the mask.  64 <= start <= stop <= len(data).
    """
