# cython: boundscheck=False, wraparound=False, embedsignature=True
"""The files kernel for Python: make room, release the GIL, make one call."""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc


cdef extern from * nogil:
    """
    #include "files/files.h"
    #ifdef __APPLE__
    #define BKP_TIME(status, which) (status)->stat.st_##which##timespec
    #else
    #define BKP_TIME(status, which) (status)->stat.st_##which##tim
    #endif
    static struct timespec bkp_atime(const bkp_status *status) { return BKP_TIME(status, a); }
    static struct timespec bkp_mtime(const bkp_status *status) { return BKP_TIME(status, m); }
    static struct timespec bkp_ctime(const bkp_status *status) { return BKP_TIME(status, c); }
    """
    ctypedef struct stat_t "struct stat":
        unsigned long long st_dev
        unsigned long long st_ino
        unsigned long st_mode
        unsigned long long st_nlink
        unsigned long st_uid
        unsigned long st_gid
        unsigned long long st_rdev
        long long st_size

    ctypedef struct bkp_status:
        stat_t stat
        int has_xattrs

    ctypedef struct bkp_entry:
        const char *name
        bkp_status *status
        int error

    ctypedef struct bkp_file:
        const char *path
        const bkp_status *seen
        uint8_t *to
        int is_read

    ctypedef struct timespec_t "struct timespec":
        long long tv_sec
        long tv_nsec

    timespec_t bkp_atime(const bkp_status *status)
    timespec_t bkp_mtime(const bkp_status *status)
    timespec_t bkp_ctime(const bkp_status *status)
    void bkp_files_look(const char *path, bkp_entry *entries, size_t count)
    void bkp_files_read(bkp_file *files, size_t count)


cdef object nanoseconds(timespec_t time):
    """Not in 64 bits: file systems know times after the year 2262."""
    cdef object second = time.tv_sec
    return second * 1000000000 + time.tv_nsec


cdef class Status:
    cdef bkp_status status

    @property
    def has_xattrs(self): return self.status.has_xattrs != 0
    @property
    def st_mode(self): return self.status.stat.st_mode
    @property
    def st_ino(self): return self.status.stat.st_ino
    @property
    def st_dev(self): return self.status.stat.st_dev
    @property
    def st_nlink(self): return self.status.stat.st_nlink
    @property
    def st_uid(self): return self.status.stat.st_uid
    @property
    def st_gid(self): return self.status.stat.st_gid
    @property
    def st_rdev(self): return self.status.stat.st_rdev
    @property
    def st_size(self): return self.status.stat.st_size
    @property
    def st_atime_ns(self): return nanoseconds(bkp_atime(&self.status))
    @property
    def st_mtime_ns(self): return nanoseconds(bkp_mtime(&self.status))
    @property
    def st_ctime_ns(self): return nanoseconds(bkp_ctime(&self.status))


cdef class _Room:
    """Memory for as long as a call takes."""

    cdef void *at

    def __cinit__(self, size_t count, size_t size):
        self.at = malloc((count + 1) * size)
        if self.at == NULL:
            raise MemoryError()

    def __dealloc__(self):
        free(self.at)


def look_at_each(bytes directory not None, list names not None):
    cdef size_t count = len(names), i
    cdef _Room room = _Room(count, sizeof(bkp_entry))
    cdef bkp_entry *entries = <bkp_entry *>room.at
    cdef list found = []
    cdef const char *path = PyBytes_AS_STRING(directory)
    cdef Status status
    cdef bytes name
    for i in range(count):
        name = names[i]
        status = Status.__new__(Status)
        found.append(status)
        entries[i].name = PyBytes_AS_STRING(name)
        entries[i].status = &status.status
    with nogil:
        bkp_files_look(path, entries, count)
    for i in range(count):
        if entries[i].error:
            found[i] = entries[i].error
    return found


def read_files(list files not None):
    cdef size_t count = len(files), i, total = 0
    cdef _Room room = _Room(count, sizeof(bkp_file))
    cdef bkp_file *array = <bkp_file *>room.at
    cdef Status status
    cdef bytes path
    for i in range(count):
        path, status = files[i]
        array[i].path = PyBytes_AS_STRING(path)
        array[i].seen = &status.status
        if status.status.stat.st_size < 0:
            raise ValueError("a file of negative size")
        total += status.status.stat.st_size + 1
    cdef bytearray data = PyByteArray_FromStringAndSize(NULL, total)
    cdef uint8_t *to = <uint8_t *>PyByteArray_AS_STRING(data)
    for i in range(count):
        array[i].to = to
        to += array[i].seen.stat.st_size + 1
    with nogil:
        bkp_files_read(array, count)
    cdef bytes verdicts = PyBytes_FromStringAndSize(NULL, count)
    cdef uint8_t *verdict = <uint8_t *>PyBytes_AS_STRING(verdicts)
    for i in range(count):
        verdict[i] = array[i].is_read
    return data, verdicts
