# cython: boundscheck=False, wraparound=False, embedsignature=True
"""The Rabin kernel for Python: check the arguments, release the GIL, make one call."""

from libc.stdint cimport uint8_t, uint64_t


cdef extern from "rabin/rabin.h" nogil:
    enum:
        BKP_RABIN_WINDOW
        BKP_RABIN_DEGREE

    ctypedef struct bkp_rabin_tables:
        pass

    ctypedef size_t (*bkp_rabin_search)(const bkp_rabin_tables *tables, uint64_t mask,
                                        const uint8_t *data, size_t start, size_t stop)

    ctypedef struct bkp_rabin_variant:
        const char *name
        bkp_rabin_search find
        int (*runs_here)()

    const bkp_rabin_variant bkp_rabin_variants[]

    void bkp_rabin_prepare(bkp_rabin_tables *tables, uint64_t polynomial)


cdef dict _places():
    cdef size_t n = 0
    places = {}
    while bkp_rabin_variants[n].name:
        places[bkp_rabin_variants[n].name.decode()] = n if bkp_rabin_variants[n].runs_here() else -1
        n += 1
    return places


# Asked once: where in the list a variant is, or -1 if this processor cannot run it.
cdef dict _PLACES = _places()

RABIN_VARIANTS = tuple(_PLACES)
RABIN_RUNS_HERE = tuple(name for name, place in _PLACES.items() if place >= 0)


def rabin_tables(uint64_t polynomial):
    cdef bkp_rabin_tables tables
    if polynomial >> BKP_RABIN_DEGREE != 1:
        raise ValueError(f"degree of {polynomial:x} is not {BKP_RABIN_DEGREE}")
    bkp_rabin_prepare(&tables, polynomial)
    return (<const char *>&tables)[:sizeof(tables)]


# Tables are taken as bytes, not as any buffer: only those are surely aligned and immutable.

def rabin_find(bytes tables not None, uint64_t mask, const uint8_t[::1] data not None,
               size_t start, size_t stop, str variant not None):
    cdef const char *at = tables
    cdef size_t found
    cdef size_t length = data.shape[0]
    cdef Py_ssize_t place = _PLACES.get(variant, -1)
    cdef const bkp_rabin_variant *search
    if place < 0:
        raise ValueError(f"no Rabin kernel {variant!r} here, only {', '.join(RABIN_RUNS_HERE)}")
    if <size_t>len(tables) != sizeof(bkp_rabin_tables):
        raise ValueError(f"tables of {len(tables)} bytes, not {sizeof(bkp_rabin_tables)}")
    if not BKP_RABIN_WINDOW <= start <= stop <= length:
        raise ValueError(f"cannot search {start}..{stop} of {length} bytes")
    search = &bkp_rabin_variants[place]
    with nogil:
        found = search.find(<const bkp_rabin_tables *>at, mask, &data[0], start, stop)
    return found
