"""What index objects, or headers of packs, say: read, but not yet in a table."""

cdef class Staged:
    """What an index object says, not yet in an index."""

    cdef bkp_staged staged

    def __cinit__(self):
        bkp_staged_init(&self.staged)

    def __dealloc__(self):
        bkp_staged_free(&self.staged)

    def __len__(self):
        return self.staged.entry_count

    cdef int take(self, bytes pack, list blobs, object tree) except -1:
        cdef bkp_entry entry
        cdef object name
        cdef uint32_t number = <uint32_t>self.staged.pack_count
        _check(bkp_staged_add_pack(&self.staged, _id(pack)))
        for blob in blobs:
            if not PyTuple_Check(blob) or PyTuple_GET_SIZE(blob) != 5:
                raise TypeError(f"a blob is (type, id, offset, length, raw length), not {blob!r}")
            name = <object>PyTuple_GET_ITEM(blob, 1)
            memcpy(entry.id, _id(name), BKP_ID_SIZE)
            entry.place.pack = number
            entry.place.offset = <object>PyTuple_GET_ITEM(blob, 2)
            entry.place.length = <object>PyTuple_GET_ITEM(blob, 3)
            entry.place.raw_length = <object>PyTuple_GET_ITEM(blob, 4)
            _check(bkp_staged_add(&self.staged, PyTuple_GET_ITEM(blob, 0) == <PyObject *>tree,
                                  &entry))
        return 0


def parse_index(const uint8_t[::1] text not None):
    cdef Staged read = Staged()
    cdef int status
    cdef size_t size = text.shape[0]
    cdef const uint8_t *start = &text[0] if size else NULL
    with nogil:
        status = bkp_staged_parse(&read.staged, start, size)
    if status == BKP_UNUSUAL:
        return None
    _check(status)
    return read


def stage_packs(list packs not None, object tree):
    cdef Staged staged = Staged()
    for pack, blobs in packs:
        staged.take(pack, blobs, tree)
    return staged


def stage_header(bytes pack not None, bytes header not None):
    cdef Staged staged = Staged()
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(header)
    cdef const uint8_t *end = at + PyBytes_GET_SIZE(header)
    cdef bkp_packed blob
    cdef bkp_entry entry
    cdef uint64_t offset = 0
    _check(bkp_staged_add_pack(&staged.staged, _id(pack)))
    while at != end:
        at = bkp_header_read(at, end, &blob)
        if at == NULL or offset > 0xffffffff:
            raise ValueError("not the header of a pack")
        memcpy(entry.id, blob.id, BKP_ID_SIZE)
        entry.place = bkp_place(0, <uint32_t>offset, blob.length, blob.raw_length)
        _check(bkp_staged_add(&staged.staged, blob.is_tree, &entry))
        offset += blob.length
    return staged


def stored_order(const uint32_t[::1] columns not None):
    cdef size_t count = columns.shape[0] // 4
    cdef bytes order = PyBytes_FromStringAndSize(NULL, count * 4)
    cdef uint32_t *out = <uint32_t *>PyBytes_AS_STRING(order)
    cdef int status
    if columns.shape[0] % 4:
        raise ValueError(f"{columns.shape[0]} numbers are no four columns")
    if not count:
        return b""
    with nogil:
        status = bkp_stored_order(&columns[0], count, out)
    _check(status)
    return order
