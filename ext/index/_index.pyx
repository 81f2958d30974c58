# cython: boundscheck=False, wraparound=False, embedsignature=True
"""The blob index for Python: check the arguments, release the GIL, make one call."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_Check, PyTuple_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy


cdef extern from "Python.h":
    PyObject *PyTuple_GET_ITEM(object, Py_ssize_t)


cdef extern from "packs/header.h" nogil:
    ctypedef struct bkp_packed:
        const uint8_t *id
        uint32_t length, raw_length
        int is_tree

    const uint8_t *bkp_header_read(const uint8_t *at, const uint8_t *end, bkp_packed *blob)


cdef extern from "index/index.h" nogil:
    enum:
        BKP_ID_SIZE
        BKP_RECORD_SIZE
        BKP_ODD_SIZE
        BKP_KINDS
        BKP_UNKNOWN
        BKP_OK
        BKP_NO_MEMORY
        BKP_TOO_MANY
        BKP_BUSY
        BKP_UNUSUAL

    ctypedef struct bkp_place:
        uint32_t pack
        uint32_t offset
        uint32_t length
        uint32_t raw_length

    ctypedef struct bkp_entry:
        uint8_t id[32]
        bkp_place place

    ctypedef struct bkp_staged:
        size_t pack_count
        size_t entry_count

    ctypedef struct bkp_base:
        const uint8_t *packs
        size_t pack_count
        const uint8_t *odd
        size_t odd_count
        uint8_t *records[2]
        size_t record_count[2]

    ctypedef struct bkp_index:
        pass

    bkp_index *bkp_index_new(uint64_t seed)
    void bkp_index_free(bkp_index *index)
    int bkp_index_attach(bkp_index *index, const bkp_base *base)
    int bkp_staged_parse(bkp_staged *staged, const uint8_t *text, size_t size)
    void bkp_staged_init(bkp_staged *staged)
    int bkp_staged_add_pack(bkp_staged *staged, const uint8_t *id)
    int bkp_staged_add(bkp_staged *staged, int kind, const bkp_entry *entry)
    void bkp_staged_free(bkp_staged *staged)
    int bkp_index_add(bkp_index *index, const bkp_staged *staged, int is_bulk)
    int bkp_index_settle(bkp_index *index)
    int bkp_index_distrust(bkp_index *index, int kind, const uint8_t *id)
    int bkp_index_places(bkp_index *index, int kind, const uint8_t *id, bkp_place *places,
                         size_t room, size_t *found, int may_wait)
    int bkp_index_has_each(bkp_index *index, int kind, const uint8_t *ids, size_t count,
                           uint8_t *known)
    int bkp_index_first_each(bkp_index *index, int kind, const uint8_t *ids, size_t count,
                             uint32_t *columns)
    int bkp_stored_order(const uint32_t *columns, size_t count, uint32_t *order)
    int bkp_index_walk(bkp_index *index, int kind, const bkp_entry *after, bkp_entry *entries,
                       size_t room, size_t *found)
    int bkp_index_export(bkp_index *index, int kind, const uint8_t *after, uint8_t *records,
                         size_t room, size_t *found)
    int bkp_index_totals(bkp_index *index, size_t count, uint64_t *bytes, uint32_t *copies,
                         uint32_t *compressed)
    int bkp_index_blobs(bkp_index *index, size_t *blobs)
    int bkp_index_copies(bkp_index *index, size_t *copies)
    size_t bkp_index_pack_count(bkp_index *index)
    size_t bkp_index_pack_ids(bkp_index *index, size_t first, uint8_t *ids, size_t room)
    size_t bkp_index_odd_count(bkp_index *index)
    size_t bkp_index_odd(bkp_index *index, size_t first, uint8_t *odd, size_t room)
    size_t bkp_index_memory(bkp_index *index)


RECORD_SIZE = BKP_RECORD_SIZE
ODD_SIZE = BKP_ODD_SIZE
UNKNOWN = <uint32_t>BKP_UNKNOWN


cdef int _check(int status) except -1:
    if status == BKP_NO_MEMORY:
        raise MemoryError("no memory for the blob index")
    if status == BKP_TOO_MANY:
        raise OverflowError("more packs than an index can hold, or it is in use already")
    return 0


cdef const uint8_t *_id(bytes name) except NULL:
    if PyBytes_GET_SIZE(name) != BKP_ID_SIZE:
        raise ValueError(f"an id of {PyBytes_GET_SIZE(name)} bytes")
    return <const uint8_t *>PyBytes_AS_STRING(name)


cdef size_t _count(bytes names, size_t size) except? 0:
    if <size_t>PyBytes_GET_SIZE(names) % size:
        raise ValueError(f"{PyBytes_GET_SIZE(names)} bytes are no multiple of {size}")
    return <size_t>PyBytes_GET_SIZE(names) // size


include "staged.pxi"


cdef class Table:
    """The native index; see index.h."""

    cdef bkp_index *index
    cdef Py_buffer saved
    cdef bint has_saved

    def __cinit__(self, uint64_t seed):
        self.index = bkp_index_new(seed)
        if self.index is NULL:
            raise MemoryError

    def __dealloc__(self):
        bkp_index_free(self.index)
        if self.has_saved:
            PyBuffer_Release(&self.saved)

    def attach(self, saved, packs, odd, data, tree):
        cdef bkp_base base
        cdef size_t size
        if self.has_saved:
            raise ValueError("a saved index is attached already")
        PyObject_GetBuffer(saved, &self.saved, PyBUF_SIMPLE | PyBUF_WRITABLE)
        self.has_saved = True
        size = self.saved.len
        base.packs = self._section(packs, BKP_ID_SIZE, &base.pack_count)
        base.odd = self._section(odd, BKP_ODD_SIZE, &base.odd_count)
        base.records[0] = self._section(data, BKP_RECORD_SIZE, &base.record_count[0])
        base.records[1] = self._section(tree, BKP_RECORD_SIZE, &base.record_count[1])
        _check(bkp_index_attach(self.index, &base))

    cdef uint8_t *_section(self, tuple place, size_t item, size_t *count) except NULL:
        cdef size_t start, size = self.saved.len
        start, count[0] = place
        if start > size or count[0] > (size - start) // item:
            raise ValueError(f"{count[0]} items from {start} on are beyond the end at {size}")
        return <uint8_t *>self.saved.buf + start

    def add(self, Staged staged not None, bint in_bulk):
        cdef int status
        with nogil:
            status = bkp_index_add(self.index, &staged.staged, in_bulk)
        _check(status)

    def settle(self):
        cdef int status
        with nogil:
            status = bkp_index_settle(self.index)
        _check(status)

    def distrust(self, bint is_tree, bytes name not None):
        cdef const uint8_t *id_ = _id(name)
        cdef int status
        with nogil:
            status = bkp_index_distrust(self.index, is_tree, id_)
        _check(status)

    cdef size_t _places(self, bint is_tree, bytes name, bkp_place *places, size_t room) except? 0:
        cdef const uint8_t *id_ = _id(name)
        cdef size_t found = 0
        # With the GIL, unless it would have to wait: giving it up costs more than looking up.
        cdef int status = bkp_index_places(self.index, is_tree, id_, places, room, &found, False)
        if status == BKP_BUSY:
            with nogil:
                status = bkp_index_places(self.index, is_tree, id_, places, room, &found, True)
        _check(status)
        return found

    def has(self, bint is_tree, bytes name not None):
        return self._places(is_tree, name, NULL, 0) > 0

    def first(self, bint is_tree, bytes name not None):
        cdef bkp_place place
        if not self._places(is_tree, name, &place, 1):
            return None
        return place.pack, place.offset, place.length, place.raw_length

    def places(self, bint is_tree, bytes name not None):
        cdef bkp_place few[4]
        cdef bkp_place *all = few
        cdef size_t i, room = 4
        cdef size_t found = self._places(is_tree, name, few, room)
        try:
            while found > room:
                room = found
                if all is not few:
                    free(all)
                all = <bkp_place *>malloc(room * sizeof(bkp_place))
                if all is NULL:
                    raise MemoryError
                found = self._places(is_tree, name, all, room)
            return [
                (all[i].pack, all[i].offset, all[i].length, all[i].raw_length)
                for i in range(found)
            ]
        finally:
            if all is not few:
                free(all)

    def has_each(self, bint is_tree, bytes names not None):
        cdef size_t count = _count(names, BKP_ID_SIZE)
        cdef const uint8_t *ids = <const uint8_t *>PyBytes_AS_STRING(names)
        cdef bytes known = PyBytes_FromStringAndSize(NULL, count)
        cdef uint8_t *out = <uint8_t *>PyBytes_AS_STRING(known)
        cdef int status
        with nogil:
            status = bkp_index_has_each(self.index, is_tree, ids, count, out)
        _check(status)
        return known

    def first_each(self, bint is_tree, bytes names not None):
        cdef size_t count = _count(names, BKP_ID_SIZE)
        cdef const uint8_t *ids = <const uint8_t *>PyBytes_AS_STRING(names)
        cdef bytes columns = PyBytes_FromStringAndSize(NULL, count * sizeof(bkp_place))
        cdef uint32_t *out = <uint32_t *>PyBytes_AS_STRING(columns)
        cdef int status
        with nogil:
            status = bkp_index_first_each(self.index, is_tree, ids, count, out)
        _check(status)
        return columns

    def walk(self, bint is_tree, after, size_t room):
        cdef bkp_entry from_
        cdef bkp_entry *entries
        cdef bkp_entry *entry
        cdef size_t i, found = 0
        cdef int status
        cdef const bkp_entry *start = NULL
        if after is not None:
            start = &from_
            name, pack, offset, length, raw_length = after
            memcpy(from_.id, _id(name), BKP_ID_SIZE)
            from_.place = bkp_place(pack, offset, length, raw_length)
        entries = <bkp_entry *>malloc((room + 1) * sizeof(bkp_entry))
        if entries is NULL:
            raise MemoryError
        try:
            with nogil:
                status = bkp_index_walk(self.index, is_tree, start, entries, room, &found)
            _check(status)
            result = []
            for i in range(found):
                entry = entries + i
                result.append((<bytes>entry.id[:BKP_ID_SIZE], entry.place.pack,
                               entry.place.offset, entry.place.length, entry.place.raw_length))
            return result
        finally:
            free(entries)

    def export(self, bint is_tree, bytes after, size_t room):
        cdef bytes records = PyBytes_FromStringAndSize(NULL, room * BKP_RECORD_SIZE)
        cdef uint8_t *out = <uint8_t *>PyBytes_AS_STRING(records)
        cdef const uint8_t *from_ = NULL
        cdef size_t found = 0
        cdef int status
        if after is not None:
            if PyBytes_GET_SIZE(after) != BKP_RECORD_SIZE:
                raise ValueError(f"a record of {PyBytes_GET_SIZE(after)} bytes")
            from_ = <const uint8_t *>PyBytes_AS_STRING(after)
        with nogil:
            status = bkp_index_export(self.index, is_tree, from_, out, room, &found)
        _check(status)
        return records if found == room else records[: found * BKP_RECORD_SIZE]

    def totals(self):
        cdef size_t count = bkp_index_pack_count(self.index)
        cdef bytes lengths = PyBytes_FromStringAndSize(NULL, count * 8)
        cdef bytes copies = PyBytes_FromStringAndSize(NULL, count * 4)
        cdef bytes compressed = PyBytes_FromStringAndSize(NULL, count * 4)
        cdef uint64_t *length = <uint64_t *>PyBytes_AS_STRING(lengths)
        cdef uint32_t *copy = <uint32_t *>PyBytes_AS_STRING(copies)
        cdef uint32_t *squeezed = <uint32_t *>PyBytes_AS_STRING(compressed)
        cdef int status
        with nogil:
            status = bkp_index_totals(self.index, count, length, copy, squeezed)
        _check(status)
        return lengths, copies, compressed

    def blobs(self):
        cdef size_t blobs
        cdef int status
        with nogil:
            status = bkp_index_blobs(self.index, &blobs)
        _check(status)
        return blobs

    def copies(self):
        cdef size_t copies
        cdef int status
        with nogil:
            status = bkp_index_copies(self.index, &copies)
        _check(status)
        return copies

    def pack_id(self, uint32_t number):
        cdef uint8_t id_[32]
        if not bkp_index_pack_ids(self.index, number, id_, 1):
            raise IndexError(f"there is no pack {number}")
        return <bytes>id_[:BKP_ID_SIZE]

    def pack_ids(self):
        cdef size_t count = bkp_index_pack_count(self.index)
        cdef bytes ids = PyBytes_FromStringAndSize(NULL, count * BKP_ID_SIZE)
        cdef uint8_t *out = <uint8_t *>PyBytes_AS_STRING(ids)
        with nogil:
            bkp_index_pack_ids(self.index, 0, out, count)
        return ids

    def odd(self):
        cdef size_t count = bkp_index_odd_count(self.index)
        cdef bytes places = PyBytes_FromStringAndSize(NULL, count * BKP_ODD_SIZE)
        cdef uint8_t *out = <uint8_t *>PyBytes_AS_STRING(places)
        with nogil:
            bkp_index_odd(self.index, 0, out, count)
        return places

    def memory(self):
        return bkp_index_memory(self.index)
