# cython: boundscheck=False, wraparound=False, embedsignature=True
"""The Rabin kernel for Python: check the arguments, release the GIL, make one call."""

from libc.stdint cimport uint8_t, uint64_t


cdef extern from "rabin/rabin.h" nogil:
    enum:
        BKP_RABIN_WINDOW
        BKP_RABIN_DEGREE

    ctypedef struct bkp_rabin_tables:
        pass

    void bkp_rabin_prepare(bkp_rabin_tables *tables, uint64_t polynomial)
    size_t bkp_rabin_find(const bkp_rabin_tables *tables, uint64_t mask,
                          const uint8_t *data, size_t start, size_t stop)


def rabin_tables(uint64_t polynomial):
    cdef bkp_rabin_tables tables
    if polynomial >> BKP_RABIN_DEGREE != 1:
        raise ValueError(f"degree of {polynomial:x} is not {BKP_RABIN_DEGREE}")
    bkp_rabin_prepare(&tables, polynomial)
    return (<const char *>&tables)[:sizeof(tables)]


# Tables are taken as bytes, not as any buffer: only those are surely aligned and immutable.

def rabin_find(bytes tables not None, uint64_t mask, const uint8_t[::1] data not None,
               size_t start, size_t stop):
    cdef const char *at = tables
    cdef size_t found
    cdef size_t length = data.shape[0]
    if <size_t>len(tables) != sizeof(bkp_rabin_tables):
        raise ValueError(f"tables of {len(tables)} bytes, not {sizeof(bkp_rabin_tables)}")
    if not BKP_RABIN_WINDOW <= start <= stop <= length:
        raise ValueError(f"cannot search {start}..{stop} of {length} bytes")
    with nogil:
        found = bkp_rabin_find(<const bkp_rabin_tables *>at, mask, &data[0], start, stop)
    return found
