# cython: boundscheck=False, wraparound=False, embedsignature=True
"""The packs kernel for Python: check the arguments, make one call."""

from cpython.buffer cimport (
    PyBUF_SIMPLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer,
)
from cpython.bytes cimport (
    PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE,
)
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc


cdef extern from "packs/packs.h" nogil:
    enum:
        BKP_PACKED_ID

    ctypedef struct bkp_packed:
        const uint8_t *id
        uint32_t length, raw_length
        int is_tree

    ctypedef struct bkp_filling:
        uint8_t *data
        uint8_t *header
        size_t size, header_size, count

    const uint8_t *bkp_header_read(const uint8_t *at, const uint8_t *end, bkp_packed *blob)
    int bkp_filling_add(bkp_filling *pack, const bkp_packed *blob, const uint8_t *sealed)
    int bkp_filling_append(bkp_filling *pack, const uint8_t *data, size_t size)
    int bkp_filling_join(bkp_filling *pack, const bkp_filling *other)
    void bkp_filling_clear(bkp_filling *pack)
    void bkp_filling_free(bkp_filling *pack)
    size_t BKP_PACK_JSON_MAX(size_t blobs)
    size_t bkp_pack_json(const uint8_t *id, const uint8_t *header, size_t size, uint8_t *out)


cdef const uint8_t *_id(bytes name) except NULL:
    if PyBytes_GET_SIZE(name) != BKP_PACKED_ID:
        raise ValueError(f"an id of {PyBytes_GET_SIZE(name)} bytes")
    return <const uint8_t *>PyBytes_AS_STRING(name)


cdef class Filling:
    """A pack's bytes so far, as a buffer, and the header that says what they are."""

    cdef bkp_filling pack
    cdef int looked_at  # buffers that are out, during which nothing may move

    def __dealloc__(self):
        bkp_filling_free(&self.pack)

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, <void *>self.pack.data, self.pack.size, 1, flags)
        self.looked_at += 1

    def __releasebuffer__(self, Py_buffer *view):
        self.looked_at -= 1

    def __len__(self):
        return self.pack.size

    @property
    def blobs(self):
        return self.pack.count

    @property
    def header(self):
        return PyBytes_FromStringAndSize(<char *>self.pack.header, self.pack.header_size)

    cdef int _may_change(self) except -1:
        if self.looked_at:
            raise BufferError("a pack that somebody looks at cannot be changed")
        return 0

    def append(self, const uint8_t[::1] data not None):
        self._may_change()
        if data.shape[0] and bkp_filling_append(&self.pack, &data[0], data.shape[0]):
            raise MemoryError()

    def join(self, Filling other not None):
        self._may_change()
        if other is self:
            raise ValueError("a pack cannot be joined to itself")
        if bkp_filling_join(&self.pack, &other.pack):
            raise MemoryError()

    def clear(self):
        self._may_change()
        bkp_filling_clear(&self.pack)

    cdef size_t _add(self, bytes name, sealed, bint is_tree, uint32_t raw_length) except 0:
        cdef Py_buffer view
        cdef bkp_packed blob
        cdef int status
        blob.id, blob.is_tree, blob.raw_length = _id(name), is_tree, raw_length
        self._may_change()
        PyObject_GetBuffer(sealed, &view, PyBUF_SIMPLE)
        try:
            if not 0 < view.len <= 0xffffffff:
                raise ValueError(f"a sealed blob of {view.len} bytes")
            blob.length = <uint32_t>view.len
            status = bkp_filling_add(&self.pack, &blob, <const uint8_t *>view.buf)
        finally:
            PyBuffer_Release(&view)
        if status:
            raise MemoryError()
        return self.pack.size

    def add_each(self, list names not None, list sealed not None, list raw_lengths not None,
                 bint is_tree, bytes chosen not None, Filling other not None, size_t start,
                 size_t target, size_t most):
        cdef size_t count = len(sealed), at
        cdef Filling pack
        if not count == <size_t>len(names) == <size_t>len(raw_lengths) == <size_t>len(chosen):
            raise ValueError("not as many names, lengths and choices as blobs")
        for at in range(start, count):
            pack = self if chosen[at] & 1 else other
            size = pack._add(names[at], sealed[at], is_tree, raw_lengths[at])
            if size >= target or pack.pack.count >= most:
                return at + 1
        return count


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
