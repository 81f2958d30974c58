# cython: boundscheck=False, wraparound=False, embedsignature=True
"""The packs kernel for Python: check the arguments, make one call."""

from cpython.bytes cimport (
    PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE,
)
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc


cdef extern from "packs/packs.h" nogil:
    enum:
        BKP_PACKED_ID
        BKP_HEADER_ENTRY_MAX

    ctypedef struct bkp_packed:
        const uint8_t *id
        uint32_t length, raw_length
        int is_tree

    uint8_t *bkp_header_write(uint8_t *at, const bkp_packed *blob)
    const uint8_t *bkp_header_read(const uint8_t *at, const uint8_t *end, bkp_packed *blob)
    size_t BKP_PACK_JSON_MAX(size_t blobs)
    size_t bkp_pack_json(const uint8_t *id, const uint8_t *header, size_t size, uint8_t *out)


cdef const uint8_t *_id(bytes name) except NULL:
    if PyBytes_GET_SIZE(name) != BKP_PACKED_ID:
        raise ValueError(f"an id of {PyBytes_GET_SIZE(name)} bytes")
    return <const uint8_t *>PyBytes_AS_STRING(name)


def header_entries(list names not None, list lengths not None, list raw_lengths not None,
                   bint is_tree):
    cdef Py_ssize_t count = len(names), i
    cdef bkp_packed blob
    cdef uint8_t *at
    if not count == len(lengths) == len(raw_lengths):
        raise ValueError("not as many names and lengths as blobs")
    cdef uint8_t *out = <uint8_t *>malloc(count * BKP_HEADER_ENTRY_MAX + 1)
    if out == NULL:
        raise MemoryError()
    try:
        at = out
        for i in range(count):
            blob = bkp_packed(_id(names[i]), lengths[i], raw_lengths[i], is_tree)
            at = bkp_header_write(at, &blob)
        return PyBytes_FromStringAndSize(<char *>out, at - out)
    finally:
        free(out)


def header_ids(bytes header not None):
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(header)
    cdef const uint8_t *end = at + PyBytes_GET_SIZE(header)
    cdef bkp_packed blob
    cdef list names = []
    while at != end:
        at = bkp_header_read(at, end, &blob)
        if at == NULL:
            raise ValueError("not the header of a pack")
        names.append(PyBytes_FromStringAndSize(<const char *>blob.id, BKP_PACKED_ID))
    return names


def pack_json(bytes pack not None, bytes header not None):
    cdef const uint8_t *start = <const uint8_t *>PyBytes_AS_STRING(header)
    cdef size_t size = PyBytes_GET_SIZE(header)
    cdef uint8_t *out = <uint8_t *>malloc(BKP_PACK_JSON_MAX(size // 37 + 1))
    if out == NULL:
        raise MemoryError()
    try:
        written = bkp_pack_json(_id(pack), start, size, out)
        if not written:
            raise ValueError("not the header of a pack")
        return PyBytes_FromStringAndSize(<char *>out, written)
    finally:
        free(out)
