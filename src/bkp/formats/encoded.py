"""Nodes as the bytes they are in a tree, made and compared without being anything else.

A node's bytes are its head, which is all that its name and stat tell, and then
what only its contents tell, from `,"content":` on.  What is made here is byte
for byte what `tree.encode_tree` makes, and what is read here is what
`tree.decode_tree` takes.  The plain case is native; anything unusual goes
through `tree.Node` and msgspec.
"""

import re
from collections.abc import Iterable

import msgspec

import bkp._native.nodes as native
from bkp.errors import Malformed
from bkp.ids import BlobId
from bkp.times import Zone

from .gojson import decode, encode
from .goquote import unquote
from .tree import Node, decode_tree

_BEGIN = b'{"nodes":['
_END = b"]}\n"
_NO_CONTENT = b',"content":null}'
_SUBTREE = re.compile(rb'"subtree":"[0-9a-f]{64}"')

_HOUR = 3600  # seconds
_MOST_HOURS = 8192  # about 1 MiB of memory


class ZoneOffsets(dict[int, int | None]):
    """Seconds east of UTC in each hour since the epoch, found when first asked for.

    None where the offset changes within the hour.  Bounded; safe to use from
    several threads.
    """

    def __init__(self, zone: Zone) -> None:
        super().__init__()
        self._zone = zone

    def __missing__(self, hour: int) -> int | None:
        first = self._zone.offset(hour * _HOUR)
        last = self._zone.offset(hour * _HOUR + _HOUR - 1)
        if len(self) >= _MOST_HOURS:
            self.clear()
        found = self[hour] = first if first == last else None
        return found


Heads = native.Heads
PlainTree = native.PlainTree
nodes_of_files = native.nodes_of_files
compare_files = native.compare_files
NEW, SAME, OTHER = native.NEW, native.SAME, native.OTHER

plain_head = native.plain_head
"""The head of a file or directory without extended attributes, None if it is not plain."""

with_content = native.with_content
"""The node of a file, from its head and the names of its chunks, 32 bytes each."""

with_subtree = native.with_subtree
"""The node of a directory, from its head and the name of its tree."""

plain_needs = native.plain_needs
"""The blobs and the subtrees that a tree names, 32 bytes each; None if it may have flaws.

It has none if it is as backups make it: plain names in order, each with a time, files with
contents, directories with trees, and symbolic links."""


def head_of(node: Node) -> bytes:
    """Return the head of any node.

    Raises ValueError if it has content, a subtree or an error already.
    """
    data = encode(node)
    if node.content is not None or node.subtree or node.error:
        raise ValueError("a node with contents is more than a head")
    return data.removesuffix(_NO_CONTENT)


def encode_node(node: Node) -> bytes:
    """Return the bytes of any node."""
    return encode(node)


def decode_node(node: bytes) -> Node:
    """Return a node from its bytes; Malformed if `decode_tree` would not take them."""
    found = decode_tree(join_tree([node]))
    if len(found) != 1:
        raise Malformed("not the bytes of one node")
    return found[0]


def subtree_of(node: bytes) -> BlobId | None:
    """Return the name of a directory's tree, None if it is no directory or has none.

    Raises Malformed if `decode_tree` would not take the node.
    """
    name = native.plain_subtree(node)
    if name is None:
        found = decode_node(node)
        name = bytes.fromhex(found.subtree) if found.type == "dir" else b""
    return BlobId(name) if name else None


def join_tree(nodes: Iterable[bytes]) -> bytes:
    """Return the bytes of a tree, whose SHA-256 is its identity.

    The caller sees to it that the names, as they are on disk, are strictly ascending.
    """
    return _BEGIN + b",".join(nodes) + _END


def replace_subtree(node: bytes, tree: BlobId) -> bytes:
    """Return the node of a directory with another tree, and all else as it is."""
    # Quotation marks inside of strings are escaped, so this can only be the key and its value.
    replaced, count = _SUBTREE.subn(b'"subtree":"%s"' % tree.hex().encode(), node)
    if count == 1:
        return replaced
    found = decode_node(node)
    found.subtree = tree.hex()
    return encode(found)


class _NodeTexts(msgspec.Struct):
    nodes: list[msgspec.Raw] | None


def split_tree(data: bytes) -> list[bytes]:
    """Return the bytes of each node, in stored order; raises Malformed if it is no tree."""
    return [bytes(text) for text in decode(data, _NodeTexts).nodes or ()]


def open_tree(data: bytes) -> PlainTree | dict[bytes, bytes]:
    """Return a tree whose nodes can be had by their names on disk; of equal names the last.

    Accepts what `decode_tree` accepts, and raises Malformed for anything else.
    The bytes of each node are those stored, but for halves of surrogate pairs
    written as escapes, which nobody's tree has: they become U+FFFD.
    """
    return native.plain_tree(data, _unquote_text) or _by_name(data)


def _by_name(data: bytes) -> dict[bytes, bytes]:
    nodes = decode_tree(data)
    return {node.name: text for node, text in zip(nodes, split_tree(data), strict=True)}


def _unquote_text(text: bytes) -> bytes:
    """Return the name for the JSON text of one, without its quotation marks."""
    return unquote(decode(b'"' + text + b'"', str))


EMPTY_TREE = open_tree(join_tree([]))
