"""Time nodes as bytes against nodes as objects, per entry, in turn.

    python bench/nodes.py [rounds]

Each line is the median of the rounds in microseconds: today's general way, the
plain way, and the median of their ratios.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from zoneinfo import ZoneInfo

from bkp.formats.encoded import (
    ZoneOffsets,
    decode_node,
    encode_node,
    join_tree,
    open_tree,
    plain_head,
    subtree_of,
    with_content,
    with_subtree,
)
from bkp.formats.filemode import to_go, type_of
from bkp.formats.goquote import quote
from bkp.formats.tree import Node, decode_tree, encode_tree
from bkp.times import Zone, format_time

ENTRIES = 2000
ZONE = Zone("Europe/Berlin", ZoneInfo("Europe/Berlin"))
OFFSETS = ZoneOffsets(ZONE)
STATUS = os.stat(__file__)
NAMES = [b"file-%06d.txt" % number for number in range(ENTRIES)]
CHUNK = bytes(range(32))


def general_node(name: bytes) -> Node:
    """Make a node as the general way does, but for extended attributes."""
    mtime = format_time(STATUS.st_mtime_ns, ZONE)
    return Node(
        quoted_name=quote(name),
        type=type_of(STATUS.st_mode),
        mode=to_go(STATUS.st_mode),
        mtime=mtime,
        atime=mtime,
        ctime=format_time(STATUS.st_ctime_ns, ZONE),
        uid=STATUS.st_uid,
        gid=STATUS.st_gid,
        user="root",
        group="root",
        inode=STATUS.st_ino,
        device_id=STATUS.st_dev,
        size=STATUS.st_size,
        links=STATUS.st_nlink,
        content=[CHUNK.hex()],
    )


def plain(name: bytes) -> bytes:
    """Make the head of the same node."""
    head = plain_head(name, STATUS, OFFSETS, b'"root"', b'"root"')
    assert head is not None
    return head


HEADS = [plain(name) for name in NAMES]
NODES = [with_content(head, CHUNK) for head in HEADS]
OBJECTS = [general_node(name) for name in NAMES]
DIRECTORIES = [with_subtree(head.replace(b'"file"', b'"dir"'), CHUNK) for head in HEADS]
TREE = join_tree(NODES)

Work = Callable[[], object]
CASES: dict[str, tuple[Work, Work]] = {
    "make a node and encode it": (
        lambda: [encode_node(general_node(name)) for name in NAMES],
        lambda: [with_content(plain(name), CHUNK) for name in NAMES],
    ),
    "of that, the head": (
        lambda: [general_node(name) for name in NAMES],
        lambda: [plain_head(name, STATUS, OFFSETS, b'"root"', b'"root"') for name in NAMES],
    ),
    "of that, the content": (
        lambda: [encode_node(node) for node in OBJECTS],
        lambda: [with_content(head, CHUNK) for head in HEADS],
    ),
    "join a tree": (lambda: encode_tree(OBJECTS), lambda: join_tree(NODES)),
    "open a tree by name": (
        lambda: {node.name: node for node in decode_tree(TREE)},
        lambda: open_tree(TREE),
    ),
    "find a subtree": (
        lambda: [decode_node(node).subtree for node in DIRECTORIES],
        lambda: [subtree_of(node) for node in DIRECTORIES],
    ),
}


def microseconds(work: Work) -> float:
    """Return how long some work takes for each entry."""
    begin = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - begin) / ENTRIES / 1000


def main(rounds: int) -> None:
    """Print one line for each kind of work."""
    for name, (general, native) in CASES.items():
        pairs = [(microseconds(general), microseconds(native)) for _ in range(rounds)]
        general_time, native_time = (statistics.median(times) for times in zip(*pairs, strict=True))
        ratio = statistics.median(before / after for before, after in pairs)
        print(f"{name:26} {general_time:7.3f} {native_time:7.3f} {ratio:6.1f}x")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 25)
