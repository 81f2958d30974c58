"""What is done with many files at once is what would be done with each of them."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bkp.errors import Malformed
from bkp.events import ignore
from bkp.files.reading.metadata import NodeReader
from bkp.files.reading.walk import Run
from bkp.files.status import look_at_each
from bkp.formats.encoded import (
    NEW,
    OTHER,
    SAME,
    PlainTree,
    decode_node,
    join_tree,
    open_tree,
    with_content,
)
from bkp.times import UTC

NAMES = [b"a", b"b", b"c", b"d", b"empty", b"large", b"z"]
LARGE = 5000
IDS = [bytes([number]) * 32 for number in range(1, 5)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Files of a directory that is their own, with times of all sorts."""
    directory = tmp_path_factory.mktemp("run")
    for number, name in enumerate(NAMES):
        path = os.fsencode(directory) + b"/" + name
        size = {b"empty": 0, b"large": LARGE + 1}.get(name, 10 + number)
        Path(os.fsdecode(path)).write_bytes(bytes(size))
        os.utime(path, ns=(number * 10**17, number * 10**17 - 5 * 10**16))
        os.chown(path, number % 2, number % 3)
    return look(directory, NAMES)


def look(directory: Path, names: list[bytes]) -> Run:
    source = os.fsencode(directory) + b"/"
    return Run(b"/", source, names, look_at_each(source, names), 0, len(names))


def reader(*, with_atime: bool = False) -> NodeReader:
    return NodeReader(UTC, ignore, with_atime=with_atime)


def one_by_one(run: Run, ids: list[bytes]) -> list[bytes]:
    """Return the nodes as they are made of one file at a time."""
    left = iter(ids)
    nodes = reader()
    return [
        with_content(nodes.head(entry), next(left) if entry.stat.st_size else b"")
        for entry in run.entries()
    ]


def test_nodes_of_many_are_those_of_each(run: Run) -> None:
    ids = [os.urandom(32) for _ in range(len(NAMES) - 1)]
    made = reader().nodes_of_files(run, b"".join(ids))
    assert made == b",".join(one_by_one(run, ids))
    part = run._replace(begin=2, end=5)
    assert reader().nodes_of_files(part, b"".join(ids[2:4])) == b",".join(
        one_by_one(part, ids[2:4])
    )
    for wrong in (ids[:-1], [*ids, ids[0]]):
        with pytest.raises(ValueError, match="ids"):
            reader().nodes_of_files(run, b"".join(wrong))


@pytest.mark.parametrize("name", ["\u00fc", 'quo"te', "attributes", "after 2262"])
def test_no_node_is_made_if_one_is_not_plain(tmp_path: Path, name: str) -> None:
    for each in ("first", name):
        (tmp_path / each).write_bytes(b"x")
    if name == "attributes":
        os.setxattr(tmp_path / name, b"user.a", b"1")
    if name.startswith("after"):
        os.utime(tmp_path / name, ns=(0, 10**19))
    run = look(tmp_path, sorted([b"first", name.encode()]))

    assert reader().nodes_of_files(run, bytes(64)) is None
    assert reader(with_atime=True).nodes_of_files(run._replace(end=1), bytes(32)) is None


def compared(run: Run, tree: PlainTree) -> dict[bytes, tuple[int, bytes]]:
    """Return verdict and node of each file, having seen that nothing is missing or repeated."""
    found: dict[bytes, tuple[int, bytes]] = {}
    at = run.begin
    for begin, end, verdict, nodes, ids in reader().compare(run, tree, LARGE):
        assert begin == at < end
        at = end
        if verdict == SAME:
            parts = [tree.get(name) or b"" for name in run.names[begin:end]]
            assert nodes == b",".join(parts)
            contents = ["".join(decode_node(part).content or []) for part in parts]
            assert ids == bytes.fromhex("".join(contents))
        else:
            assert (nodes, ids) == (b"", b"")
        for name in run.names[begin:end]:
            found[name] = (verdict, tree.get(name) or b"")
    assert at == run.end
    return found


_CHANGES = st.sampled_from(
    [
        (b'"content":[', b'"content":null,"x":['),
        (b'"content":[', b'"content":[ '),
        (b'"]}', b'"],"error":"x"}'),
        (b'"]}', b'","' + b"ab" * 32 + b'"]}'),
        (b'"size":1', b'"size":2'),
        (b'"type":"file"', b'"type":"dir"'),
        (b"01", b"0A"),
        (b'"uid":', b'"uid":1'),
        (b"Z", b"+00:00"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_only_what_is_just_as_the_tree_has_it_is_same(run: Run, data: st.DataObject) -> None:
    ids = [data.draw(st.sampled_from(IDS)) for _ in NAMES[1:]]
    original = dict(zip(NAMES, one_by_one(run, ids), strict=True))
    nodes = dict(original)
    for name in data.draw(st.sets(st.sampled_from(NAMES))):
        nodes[name] = nodes[name].replace(*data.draw(_CHANGES))
    for name in data.draw(st.sets(st.sampled_from(NAMES))):
        del nodes[name]
    for name in data.draw(st.sets(st.sampled_from([b"A", b"bb", b"zz"]))):
        nodes[name] = b'{"name":"%b","type":"dir","content":null}' % name
    part = run._replace(begin=data.draw(st.integers(0, 3)), end=data.draw(st.integers(4, 7)))

    try:
        tree = open_tree(join_tree(nodes[name] for name in sorted(nodes)))
    except Malformed:
        return
    if not isinstance(tree, PlainTree):
        return

    for name, (verdict, node) in compared(part, tree).items():
        if name not in nodes:
            assert verdict == (OTHER if name == b"large" else NEW)
        elif node == original[name]:
            assert verdict == SAME
        elif verdict == SAME:  # only the contents may be others
            head = original[name].partition(b',"content":')[0]
            content = bytes.fromhex("".join(decode_node(node).content or []))
            assert node == with_content(head, content)


def test_nodes_are_joined_over_what_is_gone(run: Run) -> None:
    nodes = dict(zip(NAMES, one_by_one(run, [IDS[0]] * 6), strict=True))
    nodes[b"aa"] = b'{"name":"aa","type":"file","content":null}'
    tree = open_tree(join_tree(nodes[name] for name in sorted(nodes)))
    assert isinstance(tree, PlainTree)
    assert {verdict for verdict, _ in compared(run, tree).values()} == {SAME}


def test_a_run_must_fit_what_was_seen(run: Run) -> None:
    for wrong in (run._replace(end=9), run._replace(begin=3, end=2)):
        with pytest.raises(IndexError):
            reader().nodes_of_files(wrong, b"")
    with pytest.raises(ValueError, match="names"):
        reader().nodes_of_files(run._replace(names=NAMES[:3], end=2), b"")


def test_trees_of_directories_are_found_from_one_on() -> None:
    nodes = []
    for number, name in enumerate("abcdef"):
        kind = "file" if name == "c" else "dir"
        subtree = b"" if name == "d" else b',"subtree":"%b"' % IDS[number % 4].hex().encode()
        nodes.append(b'{"name":"%b","type":"%b"%b}' % (name.encode(), kind.encode(), subtree))
    tree = open_tree(join_tree(nodes))
    assert isinstance(tree, PlainTree)

    assert tree.subtrees(b"a", 10) == [IDS[0], IDS[1], IDS[0], IDS[1]]
    assert tree.subtrees(b"b", 2) == [IDS[1], IDS[0]]
    assert tree.subtrees(b"f", 10) == [IDS[1]]
    assert tree.subtrees(b"aa", 10) == []
