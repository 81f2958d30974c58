"""Tell glibc to return memory that it would rather keep for later.

By itself it comes to keep every block up to 32 MiB once one of that size was
freed, in as many arenas as there are threads: the peak of a snapshot was 60 %
above what it held at any time.  With a fixed threshold packs and large chunks
go back at once.  Smaller ones stay, for getting them anew means a page fault
for every 4 KiB, which took a sixth of the time of a snapshot of large files.
"""

import ctypes

_M_TRIM_THRESHOLD = -1  # numbers of malloc.h
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_LARGE = 2 << 20  # bytes, from which on a block is given back when it is freed
_KEPT = 8 << 20  # bytes that may be free at the top of an arena
_ARENAS = 2


def return_large_blocks() -> None:
    """Do so for the rest of this process; nothing happens where the C library is another."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGE)
    mallopt(_M_TRIM_THRESHOLD, _KEPT)
    mallopt(_M_ARENA_MAX, _ARENAS)
