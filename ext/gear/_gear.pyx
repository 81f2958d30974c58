# cython: boundscheck=False, wraparound=False, embedsignature=True
"""The gear kernel for Python: check the arguments, release the GIL, make one call."""

from libc.stdint cimport uint8_t, uint64_t


cdef extern from "gear/gear.h" nogil:
    enum:
        BKP_GEAR_WINDOW

    ctypedef size_t (*bkp_gear_search)(const uint64_t *table, uint64_t mask,
                                       const uint8_t *data, size_t start, size_t stop)

    ctypedef struct bkp_gear_variant:
        const char *name
        bkp_gear_search find
        int (*runs_here)()

    const bkp_gear_variant bkp_gear_variants[]


cdef dict _places():
    cdef size_t n = 0
    places = {}
    while bkp_gear_variants[n].name:
        places[bkp_gear_variants[n].name.decode()] = n if bkp_gear_variants[n].runs_here() else -1
        n += 1
    return places


# Asked once: where in the list a variant is, or -1 if this processor cannot run it.
cdef dict _PLACES = _places()

GEAR_VARIANTS = tuple(_PLACES)
GEAR_RUNS_HERE = tuple(name for name, place in _PLACES.items() if place >= 0)


# The table is taken as bytes, not as any buffer: only those are surely aligned and immutable.

def gear_find(bytes table not None, uint64_t mask, const uint8_t[::1] data not None,
              size_t start, size_t stop, str variant not None):
    cdef const char *at = table
    cdef size_t found
    cdef size_t length = data.shape[0]
    cdef Py_ssize_t place = _PLACES.get(variant, -1)
    cdef const bkp_gear_variant *search
    if place < 0:
        raise ValueError(f"no gear kernel {variant!r} here, only {', '.join(GEAR_RUNS_HERE)}")
    if <size_t>len(table) != 256 * sizeof(uint64_t):
        raise ValueError(f"table of {len(table)} bytes, not {256 * sizeof(uint64_t)}")
    if not BKP_GEAR_WINDOW <= start <= stop <= length:
        raise ValueError(f"cannot search {start}..{stop} of {length} bytes")
    search = &bkp_gear_variants[place]
    with nogil:
        found = search.find(<const uint64_t *>at, mask, &data[0], start, stop)
    return found
