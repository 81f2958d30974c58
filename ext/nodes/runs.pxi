"""Nodes of many files of a directory at once.

What is known of the files comes as the array that the files kernel made.
"""

cdef extern from * nogil:
    """
    #include <limits.h>
    #include "files/files.h"
    #ifdef __APPLE__
    #define BKP_MTIME(status) (status)->stat.st_mtimespec
    #define BKP_CTIME(status) (status)->stat.st_ctimespec
    #else
    #define BKP_MTIME(status) (status)->stat.st_mtim
    #define BKP_CTIME(status) (status)->stat.st_ctim
    #endif
    #define BKP_SECONDS_MOST (INT64_MAX / 1000000000 - 1)
    /* Take over what fits; 0 if a time does not. */
    static int bkp_take_status(bkp_node_facts *facts, const bkp_status *status) {
        const struct timespec mtime = BKP_MTIME(status), ctime = BKP_CTIME(status);
        if (mtime.tv_sec > BKP_SECONDS_MOST || mtime.tv_sec < -BKP_SECONDS_MOST ||
            ctime.tv_sec > BKP_SECONDS_MOST || ctime.tv_sec < -BKP_SECONDS_MOST)
            return 0;
        facts->mtime = mtime.tv_sec * INT64_C(1000000000) + mtime.tv_nsec;
        facts->ctime = ctime.tv_sec * INT64_C(1000000000) + ctime.tv_nsec;
        facts->st_mode = status->stat.st_mode;
        facts->uid = status->stat.st_uid;
        facts->gid = status->stat.st_gid;
        facts->inode = status->stat.st_ino;
        facts->device_id = status->stat.st_dev;
        facts->size = (uint64_t)status->stat.st_size;
        facts->links = status->stat.st_nlink;
        return 1;
    }
    static inline int64_t bkp_size(const bkp_status *status) { return status->stat.st_size; }
    """
    ctypedef struct bkp_status:
        int has_xattrs
        int error

    int bkp_take_status(bkp_node_facts *facts, const bkp_status *status)
    int64_t bkp_size(const bkp_status *status)


cdef int64_t HOUR = 3_600_000_000_000


cdef class Heads:
    """Writes heads; remembers what was the same for the file before."""

    cdef object _offsets, _users, _groups
    cdef bytes _user, _group
    cdef uint32_t _uid, _gid

    def __init__(self, offsets, users, groups):
        self._offsets, self._users, self._groups = offsets, users, groups
        self._uid = self._gid = 0
        self._user, self._group = users[0], groups[0]

    cdef int _offset(self, int64_t time, int32_t *offset) except -1:
        found = self._offsets[time // HOUR]
        if found is None:
            return 0
        offset[0] = found
        return 1

    cdef size_t write(self, bytes name, const bkp_status *status, uint8_t *out) except? 0:
        """Write a head as bkp_node_head does, and return 0 for what is not plain."""
        cdef bkp_node_facts facts
        if status.error or status.has_xattrs or not bkp_take_status(&facts, status):
            return 0
        if not self._offset(facts.mtime, &facts.mtime_offset):
            return 0
        if not self._offset(facts.ctime, &facts.ctime_offset):
            return 0
        if facts.uid != self._uid:
            self._user, self._uid = self._users[facts.uid], facts.uid
        if facts.gid != self._gid:
            self._group, self._gid = self._groups[facts.gid], facts.gid
        facts.name, facts.name_length = _bytes(name), PyBytes_GET_SIZE(name)
        facts.user, facts.user_length = _bytes(self._user), PyBytes_GET_SIZE(self._user)
        facts.group, facts.group_length = _bytes(self._group), PyBytes_GET_SIZE(self._group)
        return bkp_node_head(&facts, out)


cdef class _Run:
    """Files of a directory, checked to be what they are said to be."""

    cdef list names
    cdef Py_buffer view
    cdef bint is_held
    cdef const bkp_status *at
    cdef size_t begin, end

    def __cinit__(self, list names not None, statuses, size_t begin, size_t end):
        PyObject_GetBuffer(statuses, &self.view, PyBUF_SIMPLE)
        self.is_held = True
        self.names, self.begin, self.end = names, begin, end
        self.at = <const bkp_status *>self.view.buf
        if self.view.len != <Py_ssize_t>(len(names) * sizeof(bkp_status)):
            raise ValueError("not as many names as entries")
        if not begin <= end <= <size_t>len(names):
            raise IndexError(f"{begin} to {end} are not in {len(names)} entries")

    def __dealloc__(self):
        if self.is_held:
            PyBuffer_Release(&self.view)


cdef class _Memory:
    cdef uint8_t *at

    def __cinit__(self, size_t size):
        self.at = <uint8_t *>malloc(size + 1)
        if self.at == NULL:
            raise MemoryError()

    def __dealloc__(self):
        free(self.at)


def nodes_of_files(list names not None, statuses, size_t begin, size_t end, bytes ids not None,
                   Heads heads not None):
    cdef _Run run = _Run(names, statuses, begin, end)
    cdef size_t most = BKP_NODE_HEAD_MAX + BKP_NODE_CONTENT_LENGTH(1) + 1
    cdef _Memory memory = _Memory((end - begin) * most)
    cdef uint8_t *at = memory.at
    cdef const uint8_t *id_ = _bytes(ids)
    cdef const uint8_t *ids_end = id_ + PyBytes_GET_SIZE(ids)
    cdef size_t row, length, count
    for row in range(begin, end):
        length = heads.write(names[row], &run.at[row], at)
        if not length:
            return None
        at += length
        count = 1 if bkp_size(&run.at[row]) else 0
        if ids_end - id_ < <Py_ssize_t>(count * BKP_NODE_ID_SIZE):
            raise ValueError("fewer ids than files")
        bkp_node_write_content(id_, count, at)
        at += BKP_NODE_CONTENT_LENGTH(count)
        id_ += count * BKP_NODE_ID_SIZE
        at[0] = b","
        at += 1
    if id_ != ids_end:
        raise ValueError("more ids than files")
    return _slice(memory.at, 0, at - memory.at - 1 if begin < end else 0)


cdef struct _place:
    const uint8_t *name
    size_t name_length, start, end
    size_t subtree  # where the name of a directory's tree is, 0 if it has none


cdef int _order(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length) noexcept:
    cdef int order = memcmp(a, b, min(a_length, b_length))
    return order if order else (a_length > b_length) - (a_length < b_length)


cdef class PlainTree:
    """A tree as stored, and where in it the nodes are, by name."""

    cdef bytes _data
    cdef list _unquoted  # names that are not in the data as they are
    cdef _place *_nodes
    cdef size_t _count

    def __dealloc__(self):
        free(self._nodes)

    cdef bint _read(self, bytes data, unquote) except -1:
        cdef bkp_tree tree
        cdef bkp_node node
        cdef bkp_tree_step step
        cdef _place *place
        cdef _place *before
        cdef bytes name
        cdef size_t room = PyBytes_GET_SIZE(data) // 34 + 1  # of the shortest node there is
        self._data, self._unquoted = data, []
        self._nodes = <_place *>malloc(room * sizeof(_place))
        if self._nodes == NULL:
            raise MemoryError()
        tree.data, tree.length, tree.position = _bytes(data), PyBytes_GET_SIZE(data), 0
        while True:
            step = bkp_tree_next(&tree, &node)
            if step != BKP_TREE_NODE or self._count == room:
                return step == BKP_TREE_END
            place = self._nodes + self._count
            place.start, place.end = node.start, node.end
            place.subtree = node.subtree if node.is_directory else 0
            place.name, place.name_length = tree.data + node.name, node.name_end - node.name
            if node.has_escaped_name:
                name = unquote(_slice(tree.data, node.name, node.name_end))
                self._unquoted.append(name)
                place.name, place.name_length = _bytes(name), PyBytes_GET_SIZE(name)
            before = place - 1
            if self._count and _order(before.name, before.name_length,
                                      place.name, place.name_length) >= 0:
                return False
            self._count += 1

    cdef _place *_find(self, bytes name, size_t first):
        """Find a name, not before a position; NULL if it is not there."""
        cdef size_t low = first, high = self._count, middle
        cdef int order
        cdef const uint8_t *text = _bytes(name)
        cdef size_t length = PyBytes_GET_SIZE(name)
        while low < high:
            # The next one mostly is the one: look there first.
            middle = low if low == first else low + (high - low) // 2
            order = _order(self._nodes[middle].name, self._nodes[middle].name_length, text, length)
            if not order:
                return self._nodes + middle
            if order < 0:
                low = middle + 1
            elif middle == first:
                return NULL
            else:
                high = middle
        return NULL

    def get(self, bytes name not None):
        cdef _place *place = self._find(name, 0)
        return None if place == NULL else _slice(_bytes(self._data), place.start, place.end)

    def subtrees(self, bytes first not None, size_t most):
        cdef _place *place = self._find(first, 0)
        cdef uint8_t id_[BKP_NODE_ID_SIZE]
        cdef list found = []
        if place == NULL:
            return found
        while place < self._nodes + self._count and <size_t>len(found) < most:
            if place.subtree and bkp_node_read_hex(_bytes(self._data) + place.subtree,
                                                   BKP_NODE_ID_SIZE, id_):
                found.append(_slice(id_, 0, BKP_NODE_ID_SIZE))
            place += 1
        return found


def plain_tree(bytes data not None, unquote):
    cdef PlainTree tree = PlainTree()
    return tree if tree._read(data, unquote) else None


NEW, SAME, OTHER = 0, 1, 2


cdef class _Comparison:
    """A run held against a tree: for each file a verdict, and the node and ids of what is same."""

    cdef _Memory verdicts, ids, places, id_ends
    cdef uint8_t *verdict
    cdef size_t *place
    cdef size_t *id_end

    def __cinit__(self, _Run run, PlainTree tree, Heads heads, int64_t largest):
        cdef size_t count = run.end - run.begin
        self.verdicts = _Memory(count)
        self.places = _Memory(count * sizeof(size_t))
        self.id_ends = _Memory(count * sizeof(size_t))
        self.ids = _Memory(BKP_TREE_IDS(PyBytes_GET_SIZE(tree._data)) * BKP_NODE_ID_SIZE)
        self.verdict = self.verdicts.at
        self.place, self.id_end = <size_t *>self.places.at, <size_t *>self.id_ends.at
        self._compare(run, tree, heads, largest)

    cdef int _compare(self, _Run run, PlainTree tree, Heads heads, int64_t largest) except -1:
        cdef uint8_t head[BKP_NODE_HEAD_MAX]
        cdef size_t i, next_ = 0, ids = 0, count, length
        cdef _place *found
        cdef const uint8_t *data = _bytes(tree._data)
        for i in range(run.end - run.begin):
            row = run.begin + i
            found = tree._find(run.names[row], next_)
            if found == NULL:
                is_small = bkp_size(&run.at[row]) <= largest
                self.verdict[i] = NEW if is_small else OTHER
            else:
                next_ = found - tree._nodes + 1
                self.place[i] = found - tree._nodes
                length = heads.write(run.names[row], &run.at[row], head)
                self.verdict[i] = OTHER
                if (length and length < found.end - found.start
                        and not memcmp(data + found.start, head, length)
                        and bkp_node_count_content(found.end - found.start - length, &count)
                        and bkp_node_read_content(data + found.start + length, count,
                                                  self.ids.at + ids * BKP_NODE_ID_SIZE)):
                    self.verdict[i] = SAME
                    ids += count
            self.id_end[i] = ids
        return 0

    cdef bytes nodes(self, PlainTree tree, size_t begin, size_t end):
        """Join the nodes of files that are same."""
        cdef size_t i
        cdef _place *first = tree._nodes + self.place[begin]
        cdef _place *last = tree._nodes + self.place[end - 1]
        if last - first == <Py_ssize_t>(end - 1 - begin):
            return _slice(_bytes(tree._data), first.start, last.end)
        return b",".join([
            _slice(_bytes(tree._data), tree._nodes[self.place[i]].start,
                   tree._nodes[self.place[i]].end)
            for i in range(begin, end)
        ])

    cdef bytes ids_of(self, size_t begin, size_t end):
        cdef size_t before = self.id_end[begin - 1] if begin else 0
        return _slice(self.ids.at, before * BKP_NODE_ID_SIZE,
                      self.id_end[end - 1] * BKP_NODE_ID_SIZE)


def compare_files(list names not None, statuses, size_t begin, size_t end,
                  PlainTree tree not None, Heads heads not None, int64_t largest):
    cdef _Run run = _Run(names, statuses, begin, end)
    cdef _Comparison found = _Comparison(run, tree, heads, largest)
    cdef list segments = []
    cdef size_t first = 0, i = 0, count = end - begin
    while first < count:
        i = first
        while i < count and found.verdict[i] == found.verdict[first]:
            i += 1
        if found.verdict[first] == SAME:
            nodes, ids = found.nodes(tree, first, i), found.ids_of(first, i)
        else:
            nodes, ids = b"", b""
        segments.append((begin + first, begin + i, found.verdict[first], nodes, ids))
        first = i
    return segments
