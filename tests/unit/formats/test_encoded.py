"""Nodes as bytes: what is plain, what goes the general way, and what is refused."""

import json
import os
import stat
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bkp._native.nodes import plain_subtree, plain_tree
from bkp.errors import Malformed
from bkp.formats.encoded import (
    PlainTree,
    ZoneOffsets,
    decode_node,
    head_of,
    join_tree,
    open_tree,
    plain_head,
    plain_needs,
    subtree_of,
    with_content,
    with_subtree,
)
from bkp.formats.filemode import to_go
from bkp.formats.tree import Node, decode_tree, encode_tree
from bkp.times import UTC, Zone
from splitting import split_tree

TREES = json.loads((Path(__file__).parents[2] / "vectors/trees.json").read_text())["trees"]
ID = bytes(range(32))
HEX = ID.hex().encode()
BERLIN = Zone("Europe/Berlin", ZoneInfo("Europe/Berlin"))
MODE = stat.S_IFREG | 0o644
NO_CONTENT = b',"content":null}'


def status(
    mode: int = MODE,
    *,
    inode: int = 5,
    links: int = 1,
    uid: int = 0,
    size: int = 7,
    mtime: int = 0,
    ctime: int = 0,
) -> os.stat_result:
    times = {"st_mtime_ns": mtime, "st_ctime_ns": ctime}
    return os.stat_result((mode, inode, 6, links, uid, 0, size, 0, 0, 0), times)


def head(name: bytes = b"a", of: os.stat_result | None = None, zone: Zone = UTC) -> bytes | None:
    return plain_head(name, of or status(), ZoneOffsets(zone), b'"root"', b"")


def told(name: bytes, data: bytes | None) -> object:
    assert data is not None
    return json.loads(data + NO_CONTENT).get(name.decode())


def test_a_head_is_all_before_the_content() -> None:
    assert head() == (
        b'{"name":"a","type":"file","mode":420,"mtime":"1970-01-01T00:00:00Z",'
        b'"atime":"1970-01-01T00:00:00Z","ctime":"1970-01-01T00:00:00Z","uid":0,"gid":0,'
        b'"user":"root","inode":5,"device_id":6,"size":7,"links":1'
    )


def test_a_directory_has_neither_size_nor_links() -> None:
    assert head(of=status(stat.S_IFDIR)) == (
        b'{"name":"a","type":"dir","mode":2147483648,"mtime":"1970-01-01T00:00:00Z",'
        b'"atime":"1970-01-01T00:00:00Z","ctime":"1970-01-01T00:00:00Z","uid":0,"gid":0,'
        b'"user":"root","inode":5,"device_id":6'
    )


def test_what_is_zero_is_left_out_but_for_owners() -> None:
    data = head(of=status(stat.S_IFREG, inode=0, links=0, size=0))

    assert data is not None
    assert data.endswith(b'"uid":0,"gid":0,"user":"root","device_id":6')
    assert b"mode" not in data


@pytest.mark.parametrize("empty", [b"", b'""'])
def test_owners_without_names_are_left_out(empty: bytes) -> None:
    data = plain_head(b"a", status(), ZoneOffsets(UTC), empty, empty)

    assert data is not None
    assert b'"gid":0,"inode":5' in data


def test_every_mode_is_written_as_go_has_it() -> None:
    modes = [kind | bits for kind in (stat.S_IFREG, stat.S_IFDIR) for bits in range(1, 0o10000)]

    assert [mode for mode in modes if told(b"mode", head(of=status(mode))) != to_go(mode)] == []


@pytest.mark.parametrize(
    "kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFBLK, stat.S_IFCHR, 0]
)
def test_other_types_are_not_plain(kind: int) -> None:
    assert head(of=status(kind | 0o644)) is None


def test_names_with_bytes_that_anything_escapes_are_not_plain() -> None:
    odd = {byte for byte in range(256) if head(b"x%cx" % byte) is None}

    assert odd == {*range(32), *range(127, 256), *b'"\\<>&'}


def test_names_longer_than_any_of_a_file_system_are_not_plain() -> None:
    assert head(b"n" * 255) is not None
    assert head(b"n" * 256) is None


def test_long_names_of_owners_are_not_plain() -> None:
    def owned(user: bytes, group: bytes) -> bytes | None:
        return plain_head(b"n" * 255, status(), ZoneOffsets(UTC), user, group)

    longest = b'"' + b"u" * 126 + b'"'
    assert owned(longest, longest) is not None
    assert owned(longest + b" ", b"") is None
    assert owned(b"", longest + b" ") is None


def test_numbers_out_of_bounds_are_not_plain() -> None:
    assert head(of=status(uid=-1)) is None
    assert head(of=status(inode=2**64)) is None
    assert head(of=status(size=-1)) is None
    assert head(of=status(mtime=2**63)) is None
    assert head(of=status(ctime=-(2**63) - 1)) is None


def test_the_largest_of_everything_fits() -> None:
    most = status(
        stat.S_IFDIR | 0o7777, inode=2**64 - 1, uid=2**32 - 1, mtime=2**63 - 1, ctime=-(2**63)
    )
    assert told(b"inode", head(b"n" * 255, most, BERLIN)) == 2**64 - 1
    assert told(b"ctime", head(b"n" * 255, most)) == "1677-09-21T00:12:43.145224192Z"


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (-1, "1970-01-01T00:59:59.999999999+01:00"),
        (1_720_000_000_120_000_000, "2024-07-03T11:46:40.12+02:00"),
        (1_720_000_000_000_000_001, "2024-07-03T11:46:40.000000001+02:00"),
        (951_782_400_000_000_000, "2000-02-29T01:00:00+01:00"),
    ],
)
def test_times_are_those_of_the_zone(ns: int, text: str) -> None:
    assert told(b"mtime", head(of=status(mtime=ns), zone=BERLIN)) == text
    assert told(b"atime", head(of=status(mtime=ns), zone=BERLIN)) == text
    assert told(b"ctime", head(of=status(ctime=ns), zone=BERLIN)) == text


@pytest.mark.parametrize(
    ("offset", "text"),
    [
        (59, "1970-01-01T00:00:59+00:00"),
        (-59, "1969-12-31T23:59:01+00:00"),
        (-60, "1969-12-31T23:59:00-00:01"),
        (-2670, "1969-12-31T23:15:30-00:44"),
    ],
)
def test_offsets_are_cut_to_minutes_before_their_sign_is_looked_at(offset: int, text: str) -> None:
    offsets = ZoneOffsets(UTC)
    offsets[0] = offset

    assert told(b"mtime", plain_head(b"a", status(), offsets, b"", b"")) == text


@pytest.mark.parametrize("offset", [360_000, -360_000])
def test_absurd_offsets_are_not_plain(offset: int) -> None:
    offsets = ZoneOffsets(UTC)
    offsets[0] = offset

    assert plain_head(b"a", status(), offsets, b"", b"") is None


def test_an_hour_in_which_the_clock_is_changed_is_not_plain() -> None:
    # Nepal put its clocks forward by a quarter of an hour at the end of 1985, at 18:30 UTC.
    nepal = Zone("Asia/Kathmandu", ZoneInfo("Asia/Kathmandu"))
    change = 504_901_800
    assert nepal.offset(change - 1) != nepal.offset(change)

    assert head(of=status(mtime=change * 10**9), zone=nepal) is None
    assert head(of=status(ctime=(change - 1) * 10**9), zone=nepal) is None
    assert head(of=status(mtime=(change - 1801) * 10**9), zone=nepal) is not None


def test_offsets_kept_are_bounded() -> None:
    offsets = ZoneOffsets(BERLIN)

    assert {offsets[hour] for hour in range(300_000, 320_000)} == {3600, 7200}
    assert len(offsets) <= 8192


def test_an_empty_file_has_an_empty_list() -> None:
    assert with_content(b"{", b"") == b'{,"content":[]}'


@pytest.mark.parametrize("length", [1, 31, 33, 63])
def test_parts_of_names_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        with_content(b"{", bytes(length))
    with pytest.raises(ValueError, match="32 bytes"):
        with_subtree(b"{", bytes(length))


def test_a_head_is_no_node_with_contents() -> None:
    for field, value in [("content", []), ("subtree", "00" * 32), ("error", "x")]:
        node = Node(quoted_name="a", type="file")
        setattr(node, field, value)
        with pytest.raises(ValueError, match="more than a head"):
            head_of(node)


@pytest.mark.parametrize("vector", TREES, ids=lambda vector: vector["name"])
def test_trees_of_restic_are_plain(vector: dict[str, str]) -> None:
    data = vector["tree"].encode()

    assert isinstance(open_tree(data), PlainTree)
    assert list(split_tree(data)) == [node.name for node in decode_tree(data)]
    assert join_tree(split_tree(data).values()) == data
    assert [decode_node(text) for text in split_tree(data).values()] == decode_tree(data)


@pytest.mark.parametrize(
    "node",
    [
        b'{"name":"a","type":"file","zzz":{"b":[1,{}]},"content":null}',
        b'{"name":"a","type":"file","content":null,"later":"x"}',
        b'{"name":"a","type":"file","generic_attributes":{"a":{"b":"c"}},"content":null}',
        b'{ "name" : "a", "type":"file"}',
        b'{"type":"file","name":"a"}',
        b'{"name":"a","type":"fil\\u0065"}',
        b'{"name":"b","name":"a","type":"file"}',
        b'{"name":"a","type":"file","uid":0,"mode":1}',
        b'{"name":"a","type":"file","mode":0,"mode":1}',
        b'{"name":"a","type":"file","inode":18446744073709551616}',
        b'{"name":"a","type":"file","user":"\\ud83d\\ude00"}',
        b'{"name":"a","type":"file","linktarget_raw":null}',
        b'{"name":"a","type":"file","extended_attributes":[]}',
        b'{"name":"a","type":"file","extended_attributes":[{"value":"","name":"x"}]}',
    ],
)
def test_what_is_not_plain_is_split_the_general_way(node: bytes) -> None:
    data = join_tree([node])

    assert plain_tree(data, bytes) is None
    assert split_tree(data) == {b"a": node}


@pytest.mark.parametrize("data", [b'{"nodes":null}', b'{"nodes":[]}', b'{"nodes":[]}\n', b" {} "])
def test_an_empty_tree_has_no_nodes(data: bytes) -> None:
    if b"nodes" in data:
        assert split_tree(data) == {}
    else:
        with pytest.raises(Malformed):
            split_tree(data)


def test_of_nodes_of_one_name_the_last_counts() -> None:
    first, last = b'{"name":"a","type":"file"}', b'{"name":"\\\\x61","type":"dir"}'

    assert split_tree(join_tree([first, last])) == {b"a": last}
    assert split_tree(join_tree([last, first])) == {b"a": first}


def test_names_are_those_on_disk() -> None:
    names = [b"\x00", b'"', b"\\", b"\xc3\xbc", b"\xff"]
    tree = encode_tree([decode_node(b'{"name":"x","type":""}')])
    texts = [b"\\\\x00", b'\\\\\\"', b"\\\\\\\\", b"\xc3\xbc", b"\\\\xff"]
    nodes = [b'{"name":"%b","type":"file"}' % text for text in texts]

    assert list(split_tree(join_tree(nodes))) == names
    assert list(split_tree(tree)) == [b"x"]


@pytest.mark.parametrize(
    "node",
    [
        b'{"name":"\\\\q","type":"file"}',
        b'{"name":"\xed\xa0\x80","type":"file"}',
        b'{"name":"a\nb","type":"file"}',
        b'{"name":"a","type":"file","uid":4294967296}',
        b'{"name":"a","type":"file","uid":01}',
        b'{"name":"a","type":"file","size":9223372036854775808}',
        b'{"name":"a","type":"file","user":null}',
        b'{"name":"a","type":"file","user":"\\u12g4"}',
        b'{"name":"a","type":"file","user":"\\x"}',
        b'{"name":"a","type":"file","extended_attributes":[{"name":"x","value":"AA=A"}]}',
        b'{"name":"a","type":"dir","subtree":"' + HEX.upper() + b'"}',
        b'{"name":"a","type":"file","content":["' + HEX[1:] + b'"]}',
        b'{"name":"a","type":"file","linktarget_raw":"AAA"}',
        b'{"name":"a","type":"file","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"name":"a"}',
        b"{}",
        b"",
    ],
)
def test_what_is_no_tree_is_malformed(node: bytes) -> None:
    with pytest.raises(Malformed):
        split_tree(join_tree([node, b'{"name":"b","type":"file"}']))
    with pytest.raises(Malformed):
        decode_node(node)
    with pytest.raises(Malformed):
        subtree_of(node)


@pytest.mark.parametrize(
    "text",
    [
        *(b"\x80", b"\xc1\xbf", b"\xc3", b"\xc3(", b"\xff"),
        *(b"\xe0\x9f\xbf", b"\xed\xa0\x80", b'\xe2\x82"'),
        *(b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf0\x9f\x98"),
    ],
)
def test_text_that_is_not_utf_8_is_malformed(text: bytes) -> None:
    for field in (b"name", b"user", b"error"):
        with pytest.raises(Malformed):
            split_tree(join_tree([b'{"name":"a","type":"f","%b":"%b"}' % (field, text)]))


@pytest.mark.parametrize("text", ["\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff", "\U00010000\U0010ffff"])
def test_text_of_any_length_in_utf_8_is_plain(text: str) -> None:
    node = b'{"name":"%b","type":"f","user":"%b"}' % (text.encode(), text.encode())

    assert plain_tree(join_tree([node]), bytes) is not None
    assert split_tree(join_tree([node])) == {text.encode(): node}


def test_every_truncation_is_malformed() -> None:
    data = TREES[0]["tree"].encode()

    for length in range(len(data) - 1):  # the newline is not missed
        with pytest.raises(Malformed):
            split_tree(data[:length])


def test_two_nodes_are_not_one() -> None:
    node = b'{"name":"a","type":"file"}'

    for text in (node + b"," + node, b"", node + b'],"nodes":[' + node + b"," + node):
        with pytest.raises(Malformed):
            decode_node(text)


@pytest.mark.parametrize(
    ("node", "subtree"),
    [
        (b'{"name":"a","type":"dir","content":null,"subtree":"' + HEX + b'"}', ID),
        (b'{"name":"a","type":"dir","zz":1,"subtree":"' + HEX + b'"}', ID),
        (b'{"name":"a","type":"file","content":null,"subtree":"' + HEX + b'"}', None),
        (b'{"name":"a","type":"dir","content":null}', None),
        (b'{"name":"a","type":"dir","content":null,"subtree":""}', None),
        (b'{"name":"\\\\\\"type\\\\\\":\\\\\\"dir","type":"file"}', None),
    ],
)
def test_only_directories_have_a_subtree(node: bytes, subtree: bytes | None) -> None:
    assert subtree_of(node) == subtree


def test_the_subtree_of_a_plain_node_is_read_natively() -> None:
    assert plain_subtree(with_subtree(b'{"name":"a","type":"dir"', ID)) == ID
    assert plain_subtree(b'{"name":"a","type":"dir"' + NO_CONTENT) == b""


GOOD = [
    b'{"name":"a","type":"file","mtime":"2020-02-29T23:59:59.123Z","content":[]}',
    b'{"name":"b","type":"file","mtime":"2021-12-31T00:00:00+01:30","content":["%s","%s"]}'
    % (HEX, HEX),
    b'{"name":"c","type":"dir","mtime":"2020-01-01T00:00:00-00:00","content":null,"subtree":"%s"}'
    % HEX,
    b'{"name":"d","type":"symlink","mtime":"1969-12-31T23:59:59Z","linktarget":"a","content":null}',
]


def test_what_a_plain_tree_needs_is_found() -> None:
    assert plain_needs(join_tree(GOOD)) == (ID + ID, ID)
    assert plain_needs(memoryview(b"x" + join_tree(GOOD))[1:]) == (ID + ID, ID)
    assert plain_needs(join_tree([])) == (b"", b"")


@pytest.mark.parametrize("vector", TREES, ids=lambda vector: vector["name"])
def test_what_a_tree_needs_is_what_its_nodes_say(vector: dict[str, str]) -> None:
    data = vector["tree"].encode()
    needs = plain_needs(data)
    nodes = decode_tree(data)

    if needs is not None:
        assert needs[0].hex() == "".join(text for node in nodes for text in node.content or ())
        assert needs[1].hex() == "".join(node.subtree for node in nodes)


FLAWS = [
    (b'"mtime":"', b'"mtime":"x'),
    (b'"mtime":"', b'"atime":"'),
    (b"T", b" "),
    (b":59", b":60"),
    (b"00:00", b"24:00"),
    (b"2020-02-29", b"2021-02-29"),
    (b"2020-02-29", b"1900-02-29"),
    (b"12-31", b"11-31"),
    (b"01-01", b"00-01"),
    (b"01-01", b"01-00"),
    (b"+01:30", b"+01:60"),
    (b".123", b"."),
    (b'"content":[', b'"content":null,"error":["'),
    (b',"content":[]', b',"content":null'),
    (b',"subtree":"%s"' % HEX, b""),
    (b'"type":"file"', b'"type":"filed"'),
    (b'"type":"symlink"', b'"type":"door"'),
    (b'"name":"', b'"name":"/'),
    (b'"name":"c"', b'"name":".."'),
    (b'"name":"a"', b'"name":"."'),
    (b'"name":"a"', b'"name":""'),
    (b'"name":"b"', b'"name":"a"'),
    (b'"name":"c"', b'"name":"B"'),
    (b'"name":"d"', b'"name":"\\\\"'),
]


@pytest.mark.parametrize(
    ("at", "old", "new"),
    [(at, old, new) for at, node in enumerate(GOOD) for old, new in FLAWS if old in node],
)
def test_a_tree_with_a_flaw_is_looked_at_closely(at: int, old: bytes, new: bytes) -> None:
    nodes = list(GOOD)
    nodes[at] = nodes[at].replace(old, new)

    assert plain_needs(join_tree(nodes)) is None


def test_every_flaw_was_tried() -> None:
    assert all(any(old in node for node in GOOD) for old, _ in FLAWS)
