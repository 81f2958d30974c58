# cython: boundscheck=False, wraparound=False, embedsignature=True
"""The files kernel for Python: make room, release the GIL, make one call."""

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc


cdef extern from * nogil:
    """
    #include "files/files.h"
    #ifdef __APPLE__
    #define BKP_TIME(status, which) (status)->stat.st_##which##timespec
    #else
    #define BKP_TIME(status, which) (status)->stat.st_##which##tim
    #endif
    /* What an entry is, as a letter; a socket comes and goes with the program that listens. */
    static char bkp_letter(const bkp_status *status) {
        if (status->error)
            return '!';
        switch (status->stat.st_mode & S_IFMT) {
        case S_IFREG: return 'f';
        case S_IFDIR: return 'd';
        default: return 'o';
        }
    }
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
        int error

    ctypedef struct bkp_listing:
        bkp_status status
        const char *names
        uint32_t *starts
        size_t count
        bkp_status *seen
        size_t seen_count

    ctypedef struct bkp_file:
        const char *name
        const bkp_status *seen
        uint8_t *to
        int is_read

    ctypedef struct timespec_t "struct timespec":
        long long tv_sec
        long tv_nsec

    char bkp_letter(const bkp_status *status)
    timespec_t bkp_atime(const bkp_status *status)
    timespec_t bkp_mtime(const bkp_status *status)
    timespec_t bkp_ctime(const bkp_status *status)
    void bkp_files_look(const char *path, const char **names, size_t count, bkp_status *seen)
    void bkp_files_list(const char *path, size_t most, bkp_listing *listing)
    void bkp_listing_free(bkp_listing *listing)
    void bkp_files_read(const char *path, bkp_file *files, size_t count)


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


cdef class Statuses:
    """What was seen of many entries; as a buffer, an array of bkp_status."""

    cdef bkp_status *at
    cdef size_t count
    cdef readonly bytes letters

    def __cinit__(self, size_t count):
        self.count = count
        self.at = <bkp_status *>malloc((count + 1) * sizeof(bkp_status))
        if self.at == NULL:
            raise MemoryError()

    def __dealloc__(self):
        free(self.at)

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.at, self.count * sizeof(bkp_status), 1, flags)

    cdef int describe(self) except -1:
        cdef size_t i
        self.letters = PyBytes_FromStringAndSize(NULL, self.count)
        for i in range(self.count):
            PyBytes_AS_STRING(self.letters)[i] = bkp_letter(&self.at[i])
        return 0

    def __len__(self):
        return self.count

    def __getitem__(self, Py_ssize_t row):
        cdef Status status
        if not 0 <= row < <Py_ssize_t>self.count:
            raise IndexError(row)
        if self.at[row].error:
            return self.at[row].error
        status = Status.__new__(Status)
        status.status = self.at[row]
        return status

    cdef int _contains(self, size_t begin, size_t end) except -1:
        if not begin <= end <= self.count:
            raise IndexError(f"{begin} to {end} are not in {self.count} entries")
        return 0

    def are_on(self, unsigned long long device):
        for row in range(self.count):
            if not self.at[row].error and self.at[row].stat.st_dev != device:
                return False
        return True

    def total_size(self, size_t begin, size_t end):
        cdef unsigned long long total = 0
        self._contains(begin, end)
        for row in range(begin, end):
            total += self.at[row].stat.st_size
        return total

    def fitting(self, size_t begin, size_t end, long long cost, long long budget):
        self._contains(begin, end)
        while begin < end and budget > 0:
            budget -= self.at[begin].stat.st_size + cost
            begin += 1
        return begin


cdef class _Listings:
    """Of some directories."""

    cdef bkp_listing *at
    cdef size_t count

    def __cinit__(self, size_t count):
        self.at = <bkp_listing *>calloc(count + 1, sizeof(bkp_listing))
        if self.at == NULL:
            raise MemoryError()
        self.count = count

    def __dealloc__(self):
        cdef size_t i
        if self.at != NULL:
            for i in range(self.count):
                bkp_listing_free(&self.at[i])
        free(self.at)

    cdef tuple take(self, size_t i):
        """Return a listing for Python, which takes over what was seen."""
        cdef bkp_listing *listing = &self.at[i]
        cdef Status status = Status.__new__(Status)
        cdef Statuses seen = Statuses.__new__(Statuses, 0)
        cdef list names = []
        cdef size_t row
        status.status = listing.status
        for row in range(listing.count):
            names.append(<bytes>(listing.names + listing.starts[row]))
        free(seen.at)
        seen.at, listing.seen = listing.seen, NULL
        seen.count = listing.seen_count
        seen.describe()
        return status, names, seen


def list_directories(list paths not None, size_t most):
    cdef size_t count = len(paths), i, looked = 0
    cdef _Room room = _Room(count, sizeof(char *))
    cdef const char **texts = <const char **>room.at
    cdef _Listings listings = _Listings(count)
    cdef bytes path
    for i in range(count):
        path = paths[i]
        texts[i] = PyBytes_AS_STRING(path)
    with nogil:
        for i in range(count):
            bkp_files_list(texts[i], most - looked, &listings.at[i])
            looked += listings.at[i].seen_count
    return [
        listings.at[i].status.error or listings.take(i) for i in range(count)
    ]


def look_at_each(bytes directory not None, list names not None):
    cdef size_t count = len(names), i
    cdef _Room room = _Room(count, sizeof(char *))
    cdef const char **array = <const char **>room.at
    cdef Statuses seen = Statuses(count)
    cdef const char *path = PyBytes_AS_STRING(directory)
    cdef bytes name
    for i in range(count):
        name = names[i]
        array[i] = PyBytes_AS_STRING(name)
    with nogil:
        bkp_files_look(path, array, count, seen.at)
    seen.describe()
    return seen


UNREAD, EMPTY, FULL = 0, 1, 2


def read_files(list runs not None):
    cdef size_t count = 0, total = 0, i = 0, begin, end
    cdef Statuses seen
    cdef bytes directory, name
    cdef list names
    for directory, names, seen, begin, end in runs:
        seen._contains(begin, end)
        if <size_t>len(names) != seen.count:
            raise ValueError("not as many names as entries")
        for row in range(begin, end):
            if seen.at[row].error or seen.at[row].stat.st_size < 0:
                raise ValueError("not a file that was seen")
            total += seen.at[row].stat.st_size + 1
        count += end - begin
    cdef _Room room = _Room(count, sizeof(bkp_file))
    cdef bkp_file *array = <bkp_file *>room.at
    cdef bytearray data = PyByteArray_FromStringAndSize(NULL, total)
    cdef uint8_t *start = <uint8_t *>PyByteArray_AS_STRING(data)
    cdef uint8_t *to = start
    cdef const char *path
    cdef bytes verdicts = PyBytes_FromStringAndSize(NULL, count)
    cdef uint8_t *verdict = <uint8_t *>PyBytes_AS_STRING(verdicts)
    cdef list pieces = []
    for directory, names, seen, begin, end in runs:
        path = PyBytes_AS_STRING(directory)
        for row in range(begin, end):
            name = names[row]
            array[i] = bkp_file(PyBytes_AS_STRING(name), &seen.at[row], to, 0)
            to += seen.at[row].stat.st_size + 1
            i += 1
        with nogil:
            bkp_files_read(path, array + i - (end - begin), end - begin)
    for i in range(count):
        verdict[i] = UNREAD
        if array[i].is_read:
            verdict[i] = FULL if array[i].seen.stat.st_size else EMPTY
        if verdict[i] == FULL:
            pieces.append((array[i].to - start, array[i].seen.stat.st_size))
    return data, verdicts, pieces
