"""Trees, byte for byte."""

import json
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from bkp.errors import Malformed
from bkp.formats.tree import Node, Xattr, decode_tree, encode_tree

TREES = json.loads((Path(__file__).parents[2] / "vectors/trees.json").read_text())["trees"]
HEX = "0123456789abcdef" * 4

# As restic writes them since 0.16 and 0.17: a raw link target, and Windows' attributes.
LATER = (
    '{"nodes":[{"name":"a","type":"symlink","mode":134218239,"mtime":"2020-01-01T00:00:00Z",'
    '"atime":"2020-01-01T00:00:00Z","ctime":"2020-01-01T00:00:00Z","uid":0,"gid":0,'
    '"linktarget":"a\\ufffd\\u003c\ufffd\\b","linktarget_raw":"Yf887//9CA==","content":null},'
    '{"name":"b","type":"file","mode":420,"mtime":"2020-01-01T00:00:00Z",'
    '"atime":"2020-01-01T00:00:00Z","ctime":"2020-01-01T00:00:00Z","uid":0,"gid":0,'
    '"generic_attributes":{"windows.creation_time":"\\u003c","x":[1,{}]},"content":[]}]}\n'
).replace("7//9CA==", "77+9CA==")


def file_node(name: str, **fields: object) -> Node:
    node = Node(quoted_name=name, type="file", content=[])
    for key, value in fields.items():
        setattr(node, key, value)
    return node


@pytest.mark.parametrize("vector", TREES, ids=lambda vector: vector["name"])
def test_trees_of_restic_come_back_to_the_same_bytes(vector: dict[str, str]) -> None:
    data = vector["tree"].encode()

    assert sha256(data).hexdigest() == vector["id"]
    assert encode_tree(decode_tree(data)) == data


@pytest.mark.parametrize("vector", TREES, ids=lambda vector: vector["name"])
def test_names_of_restic_ascend_as_bytes(vector: dict[str, str]) -> None:
    names = [node.name for node in decode_tree(vector["tree"].encode())]

    assert names == sorted(set(names))


def test_trees_of_later_restic_come_back_to_the_same_bytes() -> None:
    link, file = decode_tree(LATER.encode())

    assert link.target == b"a\xff<\xef\xbf\xbd\x08"
    assert bytes(file.generic_attributes).startswith(b'{"windows')
    assert encode_tree([link, file]).decode() == LATER


def test_decoded_link_equals_one_made_from_its_target() -> None:
    node = Node(quoted_name="l", type="symlink", content=None)
    node.target = b"\xff\xfe"

    assert decode_tree(encode_tree([node])) == [node]


def test_link_target_without_its_raw_form_keeps_what_is_left() -> None:
    node = Node(quoted_name="l", type="symlink", content=None, linktarget="a\udcffb")

    (again,) = decode_tree(encode_tree([node]))

    assert again.target == node.target == "a\ufffdb".encode()


def test_empty_fields_are_left_out_and_owners_and_content_are_not() -> None:
    node = Node(quoted_name="a", type="fifo", mtime="t", atime="t", ctime="t", content=None)

    assert encode_tree([node]) == (
        b'{"nodes":[{"name":"a","type":"fifo","mtime":"t","atime":"t","ctime":"t",'
        b'"uid":0,"gid":0,"content":null}]}\n'
    )


def test_attributes_keep_their_order_and_null() -> None:
    xattrs = [Xattr("user.b", b"\x00\xff"), Xattr("user.a", b""), Xattr("user.gone", None)]
    data = encode_tree([file_node("a", extended_attributes=xattrs)])

    assert b'[{"name":"user.b","value":"AP8="},{"name":"user.a","value":""},' in data
    assert b'{"name":"user.gone","value":null}]' in data
    assert decode_tree(data)[0].extended_attributes == xattrs


@pytest.mark.parametrize("names", [["b", "a"], ["a", "a"], ["\\xff", "a"], ["a", "\\x01"]])
def test_names_out_of_order_are_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="order"):
        encode_tree([file_node(name) for name in names])


def test_order_is_that_of_raw_names_not_of_quoted_ones() -> None:
    nodes = [file_node(name) for name in ("\\t", "a", "\\u00a0", "é", "\\xff")]

    assert [node.quoted_name for node in decode_tree(encode_tree(nodes))] == [
        node.quoted_name for node in nodes
    ]


def test_reading_skips_unknown_keys_and_keeps_the_order_found() -> None:
    data = b'{"x":1,"nodes":[{"type":"file","y":{},"name":"b"},{"name":"a","type":"file"}],"z":[]}'

    assert [node.name for node in decode_tree(data)] == [b"b", b"a"]


def test_null_is_no_nodes() -> None:
    assert decode_tree(b'{"nodes":null}\n') == []


@pytest.mark.parametrize(
    "node",
    [
        '{"type":"file"}',
        '{"name":"a"}',
        '{"name":"a\\"b","type":"file"}',
        '{"name":"\\\\xZZ","type":"file"}',
        '{"name":1,"type":"file"}',
        '{"name":"a","type":"file","size":-1}',
        '{"name":"a","type":"file","size":9223372036854775808}',
        '{"name":"a","type":"file","mode":4294967296}',
        '{"name":"a","type":"file","uid":-1}',
        '{"name":"a","type":"file","inode":1.5}',
        '{"name":"a","type":"symlink","linktarget_raw":"*"}',
        f'{{"name":"a","type":"file","content":["{HEX.upper()}"]}}',
        f'{{"name":"a","type":"file","content":["{HEX[1:]}"]}}',
        f'{{"name":"a","type":"file","content":["{HEX[2:]}","{HEX}ab"]}}',
        f'{{"name":"a","type":"file","content":["{HEX[1:]} "]}}',
        f'{{"name":"a","type":"file","content":["{HEX[:32]}  {HEX[:30]}"]}}',
        '{"name":"a","type":"file","content":[1]}',
        '{"name":"a","type":"dir","subtree":"xyz"}',
    ],
)
def test_impossible_nodes_are_malformed(node: str) -> None:
    with pytest.raises(Malformed):
        decode_tree(f'{{"nodes":[{node}]}}\n'.encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"nodes":[]', b'{"nodes":{}}'])
def test_what_is_no_tree_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_tree(data)


def test_times_are_instants_or_malformed() -> None:
    node = file_node("a", mtime="1970-01-01T00:00:01Z", atime="yesterday")

    assert node.mtime_ns == 10**9
    for text in ("atime_ns", "ctime_ns"):
        with pytest.raises(Malformed):
            getattr(node, text)


def test_names_are_any_bytes_and_not_judged() -> None:
    data = b'{"nodes":[{"name":"..","type":"dir"},{"name":"a/\\\\x00","type":"file"}]}'

    assert [node.name for node in decode_tree(data)] == [b"..", b"a/\0"]


def test_nodes_are_compared_by_value() -> None:
    assert file_node("a", user="x") == file_node("a", user="x")
    assert msgspec.structs.replace(file_node("a"), user="x") != file_node("a")
