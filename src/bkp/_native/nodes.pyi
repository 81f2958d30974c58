"""Types and contract of the nodes kernel, built from `ext/nodes`."""

from collections.abc import Callable, Mapping

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

def content_if_same(node: bytes, head: bytes) -> bytes | None:
    """Return the names for which `with_content(head, names) == node`, None if there are none."""

def plain_subtree(node: bytes) -> bytes | None:
    """Return the name of a directory's tree, b"" if there is none, None if it is not plain.

    Here a node whose name has escapes is not plain.
    """

def split_plain(data: bytes, unquote: Callable[[bytes], bytes]) -> dict[bytes, bytes] | None:
    """Return the nodes of a tree by name, None if it is not plain.

    `unquote` gives the name for the JSON text of one with escapes, and what it
    raises passes through.
    """

def plain_needs(data: bytes | memoryview) -> tuple[bytes, bytes] | None:
    """Return the concatenated names of a tree's blobs and of its subtrees.

    None if it is not plain, or if anything is wrong with it that a reader of
    trees could find out.
    """
