# cython: boundscheck=False, wraparound=False, embedsignature=True
"""The writefiles kernel for Python: take the files apart, release the GIL, make one call."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc


cdef extern from * nogil:
    """
    #include "writefiles/writefiles.h"
    static struct timespec bkp_timespec(int64_t ns)
    {
        const int64_t second = 1000000000;
        const int is_before = ns % second < 0; /* division cuts towards zero */
        struct timespec time;
        time.tv_nsec = ns % second + (is_before ? second : 0);
        time.tv_sec = ns / second - is_before;
        return time;
    }
    """
    enum:
        BKP_NEW_COMPLETE
        BKP_NEW_NOT_MADE

    ctypedef struct timespec_t "struct timespec":
        pass

    ctypedef struct bkp_new_file:
        int directory
        const char *name
        const uint8_t *data
        size_t size
        int has_attributes
        uint32_t uid
        uint32_t gid
        uint32_t mode
        timespec_t times[2]
        int outcome
        uint64_t device
        uint64_t inode

    timespec_t bkp_timespec(int64_t ns)
    void bkp_writefiles(bkp_new_file *files, size_t count, size_t hole)


cdef class _Files:
    """Memory of the kernel's array."""

    cdef bkp_new_file *at

    def __cinit__(self, size_t count):
        self.at = <bkp_new_file *>malloc((count + 1) * sizeof(bkp_new_file))
        if self.at == NULL:
            raise MemoryError()

    def __dealloc__(self):
        free(self.at)


cdef int fill(bkp_new_file *file, const uint8_t *data, size_t available, int directory,
              bytes name, size_t offset, size_t size, attributes) except -1:
    cdef int64_t accessed, modified
    if b"/" in name or b"\0" in name:
        raise ValueError("not the name of a file")
    if offset > available or size > available - offset:
        raise ValueError(f"{size} bytes at {offset} are beyond {available} bytes of data")
    file.directory = directory
    file.name = PyBytes_AS_STRING(name)
    file.data = data + offset
    file.size = size
    file.has_attributes = attributes is not None
    if attributes is not None:
        file.uid, file.gid, file.mode, accessed, modified = attributes
        if file.mode > 0o777:
            raise ValueError("more than permissions")
        file.times[0] = bkp_timespec(accessed)
        file.times[1] = bkp_timespec(modified)
    return 0


def write_files(const uint8_t[::1] data not None, list files not None, size_t hole):
    cdef Py_ssize_t count = len(files), i
    cdef _Files array = _Files(count)
    cdef const uint8_t *start = &data[0] if data.shape[0] else NULL
    for i in range(count):
        directory, name, offset, size, attributes = files[i]
        fill(&array.at[i], start, data.shape[0], directory, name, offset, size, attributes)
    with nogil:
        bkp_writefiles(array.at, count, hole)
    cdef bytes outcomes = PyBytes_FromStringAndSize(NULL, count)
    cdef uint8_t *outcome = <uint8_t *>PyBytes_AS_STRING(outcomes)
    cdef dict unfinished = {}
    for i in range(count):
        outcome[i] = array.at[i].outcome
        if outcome[i] != BKP_NEW_COMPLETE and outcome[i] != BKP_NEW_NOT_MADE:
            unfinished[i] = (array.at[i].device, array.at[i].inode)
    return outcomes, unfinished
