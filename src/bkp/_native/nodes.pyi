"""Types and contract of the nodes kernel, built from `ext/nodes`."""

from collections.abc import Callable, Mapping
from typing import Protocol

from bkp.ids import BlobId

class Buffer(Protocol):
    """What lets others look at its memory."""

    def __buffer__(self, flags: int, /) -> memoryview: ...

def plain_head(
    name: bytes,
    status: object,
    offsets: Mapping[int, int | None],
    user: bytes,
    group: bytes,
) -> bytes | None:
    """Return the head of a regular file or directory, None if it is not plain.

    `status` has the attributes of an `os.stat_result`.  `offsets` gives the
    seconds east of UTC for each hour since the epoch, and None makes the node
    not plain.  `user` and `group` are JSON strings, left
    out if empty.  The access time is written equal to the modification time.
    Not plain are other types, names with bytes other than printable ASCII or
    one of `"\\\\<>&`, and numbers out of bounds.
    """

def with_content(head: bytes, names: bytes) -> bytes:
    """Return a head with the names of chunks after it; ValueError unless 32 bytes each."""

def with_subtree(head: bytes, name: bytes) -> bytes:
    """Return a head with the name of a tree after it; ValueError unless 32 bytes."""

def plain_subtree(node: bytes) -> bytes | None:
    """Return the name of a directory's tree, b"" if there is none, None if it is not plain.

    Here a node whose name has escapes is not plain.
    """

def plain_needs(data: bytes | memoryview) -> tuple[bytes, bytes] | None:
    """Return the concatenated names of a tree's blobs and of its subtrees.

    None if it is not plain, or if anything is wrong with it that a reader of
    trees could find out.
    """

class Heads:
    """Writes heads of files; takes offsets, users and groups as `plain_head`, by number."""

    def __init__(
        self,
        offsets: Mapping[int, int | None],
        users: Mapping[int, bytes],
        groups: Mapping[int, bytes],
    ) -> None: ...

# What follows takes files of a directory: names, the buffer that the files kernel made of
# what it saw of them, and where among these they begin and end.  ValueError or IndexError if
# that does not fit together.

def nodes_of_files(
    names: list[bytes], statuses: Buffer, begin: int, end: int, ids: bytes, heads: Heads
) -> bytes | None:
    """Return the nodes of files of one chunk each, or none if empty, joined by commas.

    `ids` are those of the chunks.  None if one of the nodes is not plain.
    """

class PlainTree:
    """A tree as stored, whose nodes can be found by name."""

    def get(self, name: bytes, /) -> bytes | None:
        """Return a node."""

    def subtrees(self, first: bytes, most: int) -> list[BlobId]:
        """Return the names of the trees of directories, from the one of a name on."""

def plain_tree(data: bytes, unquote: Callable[[bytes], bytes]) -> PlainTree | None:
    """Return a tree, None if it is not plain or not sorted.

    `unquote` gives the name for the JSON text of one with escapes, and what
    it raises passes through.
    """

NEW: int
SAME: int
OTHER: int

def compare_files(
    names: list[bytes],
    statuses: Buffer,
    begin: int,
    end: int,
    tree: PlainTree,
    heads: Heads,
    largest: int,
) -> list[tuple[int, int, int, bytes, bytes]]:
    """Say of files what a tree knows of them: begin, end, verdict, nodes and ids of each stretch.

    SAME are those whose nodes are their heads and contents; their nodes are
    joined by commas, and the ids are those of all their chunks.  NEW are those
    of at most `largest` bytes that are not in the tree.
    """
