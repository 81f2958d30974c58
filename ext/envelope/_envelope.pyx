# cython: boundscheck=False, wraparound=False, embedsignature=True
"""The envelope kernel for Python: check the arguments, release the GIL, go through a batch."""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc


cdef extern from "envelope/envelope.h" nogil:
    enum:
        BKP_ID
        BKP_IV
        BKP_OVERHEAD
        BKP_FAILED
        BKP_ALTERED

    ctypedef struct bkp_envelope:
        pass

    ctypedef struct bkp_span:
        size_t offset
        size_t length

    const char *bkp_envelope_load()
    const char *bkp_envelope_crypto()
    const char *bkp_envelope_zstd()
    bkp_envelope *bkp_envelope_new(const uint8_t *encrypt, const uint8_t *k, const uint8_t *r,
                                   int level, int verify)
    void bkp_envelope_free(bkp_envelope *envelope)
    int bkp_envelope_name(bkp_envelope *envelope, const uint8_t *data, size_t size, uint8_t *name)
    int bkp_envelope_seal(bkp_envelope *envelope, const uint8_t *data, bkp_span *pieces,
                          size_t count, int compress, const uint8_t *ivs, const uint8_t **sealed)
    int bkp_envelope_open(bkp_envelope *envelope, const uint8_t *sealed, size_t length,
                          int compressed, const uint8_t *name, uint8_t *plain, size_t size)


class Altered(Exception):
    pass


_missing = None
_is_loaded = False


def missing_library():
    global _is_loaded, _missing
    cdef const char *missing
    if not _is_loaded:
        missing = bkp_envelope_load()
        _missing = None if missing == NULL else missing.decode()
        _is_loaded = True
    return _missing


def library_versions():
    if missing_library():
        raise ValueError(f"there is no {_missing}")
    return bkp_envelope_crypto().decode(), bkp_envelope_zstd().decode()


cdef class _Worker:
    """What one thread needs."""

    cdef bkp_envelope *envelope

    def __dealloc__(self):
        if self.envelope != NULL:
            bkp_envelope_free(self.envelope)


@cython.no_gc_clear  # so that what it holds is still there in the end
cdef class _Sealed:
    """What a worker sealed, where it lies; the worker is free again when nobody looks at it."""

    cdef list idle
    cdef _Worker worker
    cdef const uint8_t *data
    cdef size_t size

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, <void *>self.data, self.size, 1, flags)

    def __dealloc__(self):
        if self.worker is not None:
            self.idle.append(self.worker)


cdef class _Spans:
    """Pieces of a buffer, seen to lie within it."""

    cdef bkp_span *at
    cdef size_t count

    def __cinit__(self, list pieces, size_t size):
        cdef size_t offset, length, i
        self.count = len(pieces)
        self.at = <bkp_span *>malloc((self.count + 1) * sizeof(bkp_span))
        if self.at == NULL:
            raise MemoryError()
        for i in range(self.count):
            offset, length = pieces[i]
            if offset > size or length > size - offset:
                raise ValueError(f"{length} bytes at {offset} are beyond {size} bytes of data")
            self.at[i] = bkp_span(offset, length)

    def __dealloc__(self):
        free(self.at)


# Bytes that are named in less time than it takes to give up the GIL and wait for it again.
cdef enum:
    WORTH_GIVING_UP = 64 << 10


cdef class Engine:
    """Workers of threads that are not working now wait in a list for the next to come."""

    cdef bytes _encrypt, _k, _r
    cdef int _level
    cdef bint _verify
    cdef list _idle

    def __init__(self, bytes encrypt not None, bytes k not None, bytes r not None, int level,
                 bint verify):
        if missing_library():
            raise ValueError(f"there is no {_missing}")
        if (len(encrypt), len(k), len(r)) != (32, 16, 16):
            raise ValueError("not a key")
        self._encrypt, self._k, self._r = encrypt, k, r
        self._level = level
        self._verify = verify
        self._idle = []

    cdef _Worker _take(self):
        cdef _Worker worker
        if self._idle:
            return <_Worker>self._idle.pop()
        worker = _Worker()
        worker.envelope = bkp_envelope_new(
            <const uint8_t *>PyBytes_AS_STRING(self._encrypt),
            <const uint8_t *>PyBytes_AS_STRING(self._k),
            <const uint8_t *>PyBytes_AS_STRING(self._r),
            self._level,
            self._verify,
        )
        if worker.envelope == NULL:
            raise MemoryError()
        return worker

    cdef int _name(self, _Worker worker, const uint8_t *start, _Spans spans,
                   uint8_t *to) noexcept nogil:
        cdef size_t i
        cdef int result = 0
        for i in range(spans.count):
            result |= bkp_envelope_name(worker.envelope, start + spans.at[i].offset,
                                        spans.at[i].length, to + i * BKP_ID)
        return result

    def name_each(self, const uint8_t[::1] data not None, list pieces not None):
        cdef _Spans spans = _Spans(pieces, data.shape[0])
        cdef const uint8_t *start = &data[0] if data.shape[0] else NULL
        cdef bytes names = PyBytes_FromStringAndSize(NULL, spans.count * BKP_ID)
        cdef uint8_t *to = <uint8_t *>PyBytes_AS_STRING(names)
        cdef _Worker worker = self._take()
        cdef int result
        if data.shape[0] < WORTH_GIVING_UP:
            result = self._name(worker, start, spans, to)
        else:
            with nogil:
                result = self._name(worker, start, spans, to)
        if result:
            raise MemoryError()
        self._idle.append(worker)
        return names

    def seal_each(self, const uint8_t[::1] data not None, list pieces not None, bint compress,
                  bytes ivs not None):
        cdef _Spans spans = _Spans(pieces, data.shape[0])
        cdef const uint8_t *start = &data[0] if data.shape[0] else NULL
        cdef const uint8_t *iv = <const uint8_t *>PyBytes_AS_STRING(ivs)
        cdef const uint8_t *sealed
        cdef _Worker worker = self._take()
        cdef size_t i
        cdef int result
        cdef list lengths = []
        if <size_t>len(ivs) != spans.count * BKP_IV:
            raise ValueError("not one IV for each piece")
        with nogil:
            result = bkp_envelope_seal(worker.envelope, start, spans.at, spans.count, compress,
                                       iv, &sealed)
        if result == BKP_ALTERED:
            raise Altered()
        if result:
            raise MemoryError()
        cdef _Sealed all = _Sealed()
        all.idle, all.worker, all.data = self._idle, worker, sealed
        for i in range(spans.count):
            all.size += spans.at[i].length
            lengths.append(spans.at[i].length)
        return memoryview(all), lengths

    def open_each(self, const uint8_t[::1] data not None, list pieces not None,
                  list raw_lengths not None, bytes names not None, uint8_t[::1] plain not None):
        cdef _Spans spans = _Spans(pieces, data.shape[0])
        cdef _Spans targets = _Spans(plain_pieces(pieces, raw_lengths), plain.shape[0])
        cdef const uint8_t *start = &data[0] if data.shape[0] else NULL
        cdef uint8_t *to = &plain[0] if plain.shape[0] else NULL
        cdef const uint8_t *name = <const uint8_t *>PyBytes_AS_STRING(names)
        cdef bytes verdicts = PyBytes_FromStringAndSize(NULL, spans.count)
        cdef uint8_t *verdict = <uint8_t *>PyBytes_AS_STRING(verdicts)
        cdef _Spans raw = _Spans([(0, length) for length in raw_lengths], <size_t>-1)
        cdef _Worker worker = self._take()
        cdef size_t i
        cdef int result
        cdef bint has_failed = False
        if <size_t>len(names) != spans.count * BKP_ID:
            raise ValueError("not one name for each piece")
        with nogil:
            for i in range(spans.count):
                result = bkp_envelope_open(
                    worker.envelope, start + spans.at[i].offset, spans.at[i].length,
                    raw.at[i].length != 0, name + i * BKP_ID,
                    to + targets.at[i].offset, targets.at[i].length,
                )
                verdict[i] = result == 0
                has_failed |= result == BKP_FAILED
        if has_failed:
            raise MemoryError()
        self._idle.append(worker)
        return verdicts


cdef list plain_pieces(list pieces, list raw_lengths):
    """Return where each plaintext belongs: one behind the other."""
    cdef size_t offset = 0, length, raw_length, i
    cdef list targets = []
    if len(pieces) != len(raw_lengths):
        raise ValueError("not one length for each piece")
    for i in range(<size_t>len(pieces)):
        length = pieces[i][1]
        raw_length = raw_lengths[i]
        if not raw_length:
            raw_length = length - BKP_OVERHEAD if length > BKP_OVERHEAD else 0
        targets.append((offset, raw_length))
        offset += raw_length
    return targets
