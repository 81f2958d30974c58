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

    def add_each(self, list names not None, list sealed not None, list raw_lengths not None,
                 bint is_tree, bytes chosen not None, Filling other not None, size_t start,
                 size_t target, size_t most):
        cdef size_t at
        cdef _Blobs blobs = _Blobs(names, sealed, raw_lengths, is_tree, start)
        cdef const uint8_t *coins = <const uint8_t *>PyBytes_AS_STRING(chosen)
        cdef bkp_filling *pack
        cdef int status = 0
        if <size_t>len(chosen) != start + blobs.count:
            raise ValueError("not as many choices as blobs")
        self._may_change()
        other._may_change()
        with nogil:
            for at in range(blobs.count):
                pack = &self.pack if coins[start + at] & 1 else &other.pack
                status = bkp_filling_add(pack, &blobs.blobs[at],
                                         <const uint8_t *>blobs.views[at].buf)
                if status or pack.size >= target or pack.count >= most:
                    break
            else:
                at = blobs.count - 1
        if status:
            raise MemoryError()
        return start + at + 1 if blobs.count else start


cdef class _Blobs:
    """Sealed blobs, from number `start` on, held where they are."""

    cdef Py_buffer *views
    cdef bkp_packed *blobs
    cdef size_t count, held

    def __cinit__(self, list names, list sealed, list raw_lengths, bint is_tree, size_t start):
        cdef size_t count = len(sealed), at
        cdef Py_buffer *view
        cdef bytes name
        if not count == <size_t>len(names) == <size_t>len(raw_lengths) or start > count:
            raise ValueError("not as many names and lengths as blobs")
        self.count = count - start
        self.views = <Py_buffer *>malloc((self.count + 1) * sizeof(Py_buffer))
        self.blobs = <bkp_packed *>malloc((self.count + 1) * sizeof(bkp_packed))
        if self.views == NULL or self.blobs == NULL:
            raise MemoryError()
        for at in range(self.count):
            view = self.views + at
            PyObject_GetBuffer(sealed[start + at], view, PyBUF_SIMPLE)
            self.held += 1
            if not 0 < view.len <= 0xffffffff:
                raise ValueError(f"a sealed blob of {view.len} bytes")
            name = names[start + at]
            self.blobs[at] = bkp_packed(_id(name), <uint32_t>view.len,
                                        <uint32_t>raw_lengths[start + at], is_tree)

    def __dealloc__(self):
        cdef size_t at
        for at in range(self.held):
            PyBuffer_Release(self.views + at)
        free(self.views)
        free(self.blobs)


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
