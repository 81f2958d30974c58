# cython: boundscheck=False, wraparound=False, embedsignature=True
"""The nodes kernel for Python: check the arguments, make one call.

The GIL is kept: a call takes less time than giving it up and asking for it again.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy


cdef extern from "nodes/nodes.h" nogil:
    enum:
        BKP_NODE_ID_SIZE
        BKP_NODE_HEAD_MAX
        BKP_NODE_SUBTREE_LENGTH

    ctypedef struct bkp_node_facts:
        const uint8_t *name
        const uint8_t *user
        const uint8_t *group
        size_t name_length, user_length, group_length
        uint32_t st_mode, uid, gid
        int64_t mtime, ctime
        int32_t mtime_offset, ctime_offset
        uint64_t inode, device_id, size, links

    ctypedef struct bkp_node:
        size_t start, end, name, name_end, subtree
        bint has_escaped_name, is_directory

    ctypedef struct bkp_tree:
        const uint8_t *data
        size_t length, position

    ctypedef enum bkp_tree_step:
        BKP_TREE_NODE
        BKP_TREE_END
        BKP_TREE_NOT_PLAIN

    size_t bkp_node_head(const bkp_node_facts *facts, uint8_t *out)
    size_t bkp_node_read(const uint8_t *data, size_t length, size_t start, bkp_node *node)
    bkp_tree_step bkp_tree_next(bkp_tree *tree, bkp_node *node)
    ctypedef struct bkp_tree_needs:
        uint8_t *blobs
        uint8_t *subtrees

    size_t BKP_TREE_IDS(size_t length)
    bint bkp_tree_find_needs(const uint8_t *data, size_t length, bkp_tree_needs *needs)
    size_t BKP_NODE_CONTENT_LENGTH(size_t count)
    void bkp_node_write_content(const uint8_t *names, size_t count, uint8_t *out)
    bint bkp_node_count_content(size_t length, size_t *count)
    bint bkp_node_read_content(const uint8_t *text, size_t count, uint8_t *names)
    void bkp_node_write_subtree(const uint8_t *name, uint8_t *out)
    bint bkp_node_read_hex(const uint8_t *text, size_t count, uint8_t *out)


cdef inline const uint8_t *_bytes(bytes text) noexcept:
    return <const uint8_t *>PyBytes_AS_STRING(text)


cdef inline bytes _room(size_t length):
    """New bytes to be written to at once, while nobody else has seen them."""
    return PyBytes_FromStringAndSize(NULL, <Py_ssize_t>length)


cdef bytes _slice(const uint8_t *data, size_t start, size_t stop):
    return PyBytes_FromStringAndSize(<const char *>data + start, <Py_ssize_t>(stop - start))


def plain_head(bytes name not None, status, offsets, bytes user not None, bytes group not None):
    cdef bkp_node_facts facts
    cdef uint8_t head[BKP_NODE_HEAD_MAX]
    cdef size_t length
    facts.name, facts.name_length = _bytes(name), PyBytes_GET_SIZE(name)
    facts.user, facts.user_length = _bytes(user), PyBytes_GET_SIZE(user)
    facts.group, facts.group_length = _bytes(group), PyBytes_GET_SIZE(group)
    try:
        facts.st_mode = status.st_mode
        facts.uid = status.st_uid
        facts.gid = status.st_gid
        facts.mtime = status.st_mtime_ns
        facts.ctime = status.st_ctime_ns
        facts.inode = status.st_ino
        facts.device_id = status.st_dev
        facts.size = status.st_size
        facts.links = status.st_nlink
    except OverflowError:
        return None
    mtime_offset = offsets[facts.mtime // 3_600_000_000_000]
    ctime_offset = offsets[facts.ctime // 3_600_000_000_000]
    if mtime_offset is None or ctime_offset is None:
        return None
    facts.mtime_offset, facts.ctime_offset = mtime_offset, ctime_offset
    length = bkp_node_head(&facts, head)
    return _slice(head, 0, length) if length else None


def with_content(bytes head not None, bytes names not None):
    cdef size_t length = PyBytes_GET_SIZE(head)
    cdef size_t count = <size_t>PyBytes_GET_SIZE(names) // BKP_NODE_ID_SIZE
    if <size_t>PyBytes_GET_SIZE(names) != count * BKP_NODE_ID_SIZE:
        raise ValueError(f"{len(names)} bytes are not names of {BKP_NODE_ID_SIZE} bytes each")
    cdef bytes node = _room(length + BKP_NODE_CONTENT_LENGTH(count))
    cdef uint8_t *out = <uint8_t *>PyBytes_AS_STRING(node)
    memcpy(out, _bytes(head), length)
    bkp_node_write_content(_bytes(names), count, out + length)
    return node


def with_subtree(bytes head not None, bytes name not None):
    cdef size_t length = PyBytes_GET_SIZE(head)
    if PyBytes_GET_SIZE(name) != BKP_NODE_ID_SIZE:
        raise ValueError(f"{len(name)} bytes are not a name of {BKP_NODE_ID_SIZE} bytes")
    cdef bytes node = _room(length + BKP_NODE_SUBTREE_LENGTH)
    cdef uint8_t *out = <uint8_t *>PyBytes_AS_STRING(node)
    memcpy(out, _bytes(head), length)
    bkp_node_write_subtree(_bytes(name), out + length)
    return node


def plain_subtree(bytes node not None):
    cdef bkp_node found
    cdef uint8_t name[BKP_NODE_ID_SIZE]
    cdef size_t length = PyBytes_GET_SIZE(node)
    if not length or bkp_node_read(_bytes(node), length, 0, &found) != length:
        return None
    if found.has_escaped_name:
        return None  # whether it is a name is not known here
    if not found.is_directory or not found.subtree:
        return b""
    bkp_node_read_hex(_bytes(node) + found.subtree, BKP_NODE_ID_SIZE, name)
    return _slice(name, 0, BKP_NODE_ID_SIZE)


def plain_needs(const uint8_t[::1] data not None):
    cdef size_t length = data.shape[0], room = BKP_TREE_IDS(data.shape[0]) * BKP_NODE_ID_SIZE
    cdef bytearray blobs = PyByteArray_FromStringAndSize(NULL, room)
    cdef bytearray subtrees = PyByteArray_FromStringAndSize(NULL, room)
    cdef uint8_t *first_blob = <uint8_t *>PyByteArray_AS_STRING(blobs)
    cdef uint8_t *first_subtree = <uint8_t *>PyByteArray_AS_STRING(subtrees)
    cdef bkp_tree_needs needs = bkp_tree_needs(first_blob, first_subtree)
    if not length or not bkp_tree_find_needs(&data[0], length, &needs):
        return None
    return (
        PyBytes_FromStringAndSize(<char *>first_blob, needs.blobs - first_blob),
        PyBytes_FromStringAndSize(<char *>first_subtree, needs.subtrees - first_subtree),
    )


include "runs.pxi"
