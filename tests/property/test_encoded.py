"""Properties of nodes as bytes: they are what `encode_tree` writes and `decode_tree` reads."""

import base64
import io
import json
import os
import stat
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

import strategies as own
from bkp._native.nodes import plain_subtree, plain_tree
from bkp.errors import Malformed
from bkp.formats.encoded import (
    ZoneOffsets,
    decode_node,
    encode_node,
    head_of,
    join_tree,
    plain_head,
    subtree_of,
    with_content,
    with_subtree,
)
from bkp.formats.filemode import to_go, type_of
from bkp.formats.gojson import encode
from bkp.formats.goquote import quote
from bkp.formats.tree import Node, decode_tree, encode_tree
from bkp.times import UTC, Zone, format_time
from splitting import split_tree

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/times.json").read_text())
ZONES = [
    UTC,
    *(
        Zone(name, ZoneInfo.from_file(io.BytesIO(base64.b64decode(data))))
        for name, data in VECTORS["zones"].items()
    ),
]
PLAIN = (
    b" !#$%'()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~"
)

zones = st.sampled_from(ZONES)
plain_names = st.lists(st.sampled_from(PLAIN), min_size=1, max_size=20).map(bytes)
chunk_names = st.lists(own.ids, max_size=3).map(b"".join)

# What a file system may give; to the ns, and often to a coarser unit.
_units = st.sampled_from([1, 10, 100, 1000, 10**6, 10**9])
instants = st.builds(
    lambda ns, unit: ns // unit * unit,
    st.integers(-(2**63) + 10**18, 2**63 - 1) | st.integers(-(2 * 10**9), 4 * 10**9),
    _units,
) | st.integers(0, 2**32).map(lambda second: second * 10**9)


@st.composite
def statuses(draw: st.DrawFn) -> os.stat_result:
    kind = draw(st.sampled_from([stat.S_IFREG, stat.S_IFDIR]))
    status = (
        kind | draw(st.integers(0, 0o7777)),
        draw(own.uint64),
        draw(own.uint64),
        draw(own.uint63),
        draw(own.uint32),
        draw(own.uint32),
        draw(own.uint63),
        0,
        0,
        0,
    )
    times = {"st_mtime_ns": draw(instants), "st_ctime_ns": draw(instants)}
    return os.stat_result(status, times)


def node_of(name: bytes, status: os.stat_result, zone: Zone, user: str, group: str) -> Node:
    """The way a node is made of what the system says, but for what only the kernel knows."""
    mtime = format_time(status.st_mtime_ns, zone)
    node = Node(
        quoted_name=quote(name),
        type=type_of(status.st_mode),
        mode=to_go(status.st_mode),
        mtime=mtime,
        atime=mtime,
        ctime=format_time(status.st_ctime_ns, zone),
        uid=status.st_uid,
        gid=status.st_gid,
        user=user,
        group=group,
        inode=status.st_ino,
        device_id=status.st_dev,
    )
    if node.type == "file":
        node.size, node.links = status.st_size, status.st_nlink
    return node


def is_steady(ns: int, zone: Zone) -> bool:
    """Say whether the offset stays the same in the hour of an instant."""
    start = ns // 10**9 // 3600 * 3600
    return zone.offset(start) == zone.offset(start + 3599)


@settings(max_examples=500)
@given(plain_names | own.names, statuses(), zones, own.plain_texts, own.plain_texts, chunk_names)
def test_a_plain_node_is_what_encode_tree_writes(
    name: bytes, status: os.stat_result, zone: Zone, user: str, group: str, names: bytes
) -> None:
    node = node_of(name, status, zone, user, group)

    head = plain_head(name, status, ZoneOffsets(zone), encode(user), encode(group))

    if head is None:
        is_odd_name = not set(name) <= set(PLAIN)
        is_steady_time = is_steady(status.st_mtime_ns, zone) and is_steady(status.st_ctime_ns, zone)
        assert is_odd_name or not is_steady_time
    else:
        assert head == head_of(node)
        check_finished(head, node, names)


def check_finished(head: bytes, node: Node, names: bytes) -> None:
    if node.type == "file":
        data = with_content(head, names)
        node.content = [names[i : i + 32].hex() for i in range(0, len(names), 32)]
    elif node.type == "dir" and names:
        data = with_subtree(head, names[:32])
        node.subtree = names[:32].hex()
        assert subtree_of(data) == names[:32]
    else:
        data = head + b',"content":null}'
    assert data == encode_node(node)
    assert join_tree([data]) == encode_tree([node])


@given(own.nodes(), st.lists(own.names, max_size=2), chunk_names)
def test_any_head_is_finished_as_encode_tree_would(
    node: Node, owners: list[bytes], names: bytes
) -> None:
    node.content, node.subtree = None, ""
    node.user, node.group = [*map(os.fsdecode, owners), "", ""][:2]

    check_finished(head_of(node), node, names)


@given(zones, st.integers(-(2**40), 2**40) | st.integers(0, 2**32))
def test_offsets_are_those_of_the_zone(zone: Zone, second: int) -> None:
    offsets = ZoneOffsets(zone)

    expected = zone.offset(second) if is_steady(second * 10**9, zone) else None

    assert offsets[second // 3600] == expected == offsets[second // 3600]


@given(own.trees)
def test_any_tree_is_split_and_joined_again(tree: list[Node]) -> None:
    data = encode_tree(tree)

    nodes = split_tree(data)

    assert plain_tree(data, decode_node_name) is not None
    assert list(nodes) == [node.name for node in tree]
    assert [decode_node(text) for text in nodes.values()] == tree
    assert list(nodes.values()) == [encode_node(node) for node in tree]
    assert join_tree(nodes.values()) == data


def decode_node_name(text: bytes) -> bytes:
    return decode_node(b'{"name":"' + text + b'","type":""}').name


_TOKENS = (
    b'" \\ { } [ ] , : 0 9 - . e null true [] {} "" \\u \\ud800 \\ufffd \\u0041 \\" \\\\ '
    b'\xff \xc3\xbc \xed\xa0\x80 \n \x00 "name": "x":1, "a" ,"type":"dir" ,"error":"x" '
    b',"mode":4294967296 ,"uid":00 ,"size":9223372036854775808 ,"content":null ,"content":[] '
    b',"inode":1'
)
_PIECES = st.binary(max_size=3) | st.sampled_from(_TOKENS.split(b" "))


@st.composite
def mutated(draw: st.DrawFn, text: bytes) -> bytes:
    """The text with up to three pieces of it replaced, left out or said twice."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        stop = draw(st.integers(start, min(start + 80, len(text))))
        piece = draw(_PIECES | st.just(text[start:stop] * 2))
        text = text[:start] + piece + text[stop:]
    return text


def told(node: Node) -> tuple[object, ...]:
    # The target is left out: what it is taken for can depend on the rest of the tree.
    return (node.name, node.type, node.size, node.user, node.content, node.subtree)


@settings(max_examples=500)
@given(own.trees.map(encode_tree).flatmap(mutated) | st.binary(max_size=50))
def test_a_damaged_tree_is_split_just_as_it_is_decoded(data: bytes) -> None:
    try:
        expected = {node.name: told(node) for node in decode_tree(data)}
    except Malformed:
        expected = None

    try:
        nodes = split_tree(data)
    except Malformed:
        nodes = None

    if nodes is None:
        assert expected is None
    else:
        assert {name: told(decode_node(text)) for name, text in nodes.items()} == expected


@settings(max_examples=500)
@given(own.nodes().map(encode_node).flatmap(lambda text: st.just(text) | mutated(text)))
def test_the_subtree_of_any_bytes_is_that_of_the_decoded_node(text: bytes) -> None:
    try:
        node = decode_node(text)
    except Malformed:
        assert plain_subtree(text) is None
        return

    expected = bytes.fromhex(node.subtree) if node.type == "dir" else b""

    assert subtree_of(text) == (expected or None)
    assert plain_subtree(text) in {None, expected}


@given(own.trees.map(encode_tree).flatmap(mutated))
def test_bytes_of_nodes_are_those_of_the_tree(data: bytes) -> None:
    try:
        nodes = split_tree(data)
    except Malformed:
        return
    if b"\\ud800" not in data:
        assert all(text in data for text in nodes.values())
