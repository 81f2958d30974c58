# cython: boundscheck=False, wraparound=False, embedsignature=True
"""The gear kernel for Python: check the arguments, release the GIL, make one call."""

from libc.stdint cimport uint8_t, uint64_t


cdef extern from "gear/gear.h" nogil:
    enum:
        BKP_GEAR_WINDOW

    size_t bkp_gear_find(const uint64_t *table, uint64_t mask,
                         const uint8_t *data, size_t start, size_t stop)


# The table is taken as bytes, not as any buffer: only those are surely aligned and immutable.

def gear_find(bytes table not None, uint64_t mask, const uint8_t[::1] data not None,
              size_t start, size_t stop):
    cdef const char *at = table
    cdef size_t found
    cdef size_t length = data.shape[0]
    if <size_t>len(table) != 256 * sizeof(uint64_t):
        raise ValueError(f"table of {len(table)} bytes, not {256 * sizeof(uint64_t)}")
    if not BKP_GEAR_WINDOW <= start <= stop <= length:
        raise ValueError(f"cannot search {start}..{stop} of {length} bytes")
    with nogil:
        found = bkp_gear_find(<const uint64_t *>at, mask, &data[0], start, stop)
    return found
