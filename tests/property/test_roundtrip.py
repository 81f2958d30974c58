"""Restoring a snapshot of any tree makes that tree."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bkp.events import Event, Problem
from bkp.library import restore, snapshot
from bkp.store.memory import MemoryStore
from repos import make_repo
from strategies import names
from trees import Device, Dir, Fifo, File, HardLink, Name, Sparse, Symlink, build, describe

KIB = 1 << 10

# What ext4 can hold, a little around it left out: from 1901 to 2446.
_times = st.one_of(
    st.sampled_from([0, -1, 1, -(10**9) - 1, 4_102_444_800 * 10**9 + 999_999_999]),
    st.integers(-(2**31) * 10**9, 15 * 10**18),
)
_modes = st.one_of(
    st.sampled_from([0o644, 0o755, 0, 0o4755, 0o2711, 0o1777]), st.integers(0, 0o7777)
)
_owners = st.sampled_from([None, (0, 0), (1, 1), (12345, 54321), (2**32 - 2, 2**32 - 2)])
_xattr_names = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1
)
_xattrs = st.dictionaries(
    _xattr_names.map(lambda text: "user." + text[:30]), st.binary(max_size=50), max_size=2
)


def _attributes() -> dict[str, st.SearchStrategy[object]]:
    return {"mode": _modes, "mtime_ns": _times, "owner": _owners, "xattrs": _xattrs}


def _large(seed: int, size: int) -> bytes:
    return Random(seed).randbytes(size)


_contents = st.one_of(
    st.binary(max_size=100),
    st.builds(_large, st.integers(0, 3), st.integers(0, 1280 * KIB)),
    st.integers(1, 1280 * KIB).map(bytes),
)
_pieces = st.dictionaries(
    st.integers(0, 2048 * KIB), st.binary(min_size=1, max_size=20), max_size=3
)
_targets = st.binary(min_size=1, max_size=300).map(lambda target: target.replace(b"\0", b"/"))

_plain_files = st.builds(File, content=_contents, **_attributes())
_sparse_files = st.builds(Sparse, size=st.integers(0, 2048 * KIB), pieces=_pieces, **_attributes())
_symlinks = st.builds(Symlink, target=_targets | names, mtime_ns=_times, owner=_owners)
_fifos = st.builds(Fifo, mode=_modes, mtime_ns=_times, owner=_owners)
_devices = st.builds(
    Device,
    is_block=st.booleans(),
    major=st.integers(1, 4095),
    minor=st.integers(0, 255),
    mode=_modes,
    mtime_ns=_times,
)
_leaves = st.one_of(_plain_files, _sparse_files, _symlinks, _fifos, _devices)

_Entries = dict[Name, object]


def _directory(entries: st.SearchStrategy[object]) -> st.SearchStrategy[Dir]:
    children = st.dictionaries(names, entries, max_size=4)
    return st.builds(Dir, entries=children, **_attributes())


_things = st.recursive(_leaves, _directory, max_leaves=10)


def _paths(entries: Mapping[Name, object], above: bytes = b"") -> Iterator[tuple[bytes, object]]:
    for name, thing in entries.items():
        path = os.path.join(above, os.fsencode(name))
        yield path, thing
        if isinstance(thing, Dir):
            yield from _paths(thing.entries, path)


@st.composite
def _trees(draw: st.DrawFn) -> _Entries:
    entries: _Entries = dict(draw(st.dictionaries(names, _things, min_size=1, max_size=4)))
    linkable = [path for path, thing in _paths(entries) if not isinstance(thing, Dir)]
    if linkable:
        for name in draw(st.lists(names, max_size=3)):
            entries.setdefault(name, HardLink(draw(st.sampled_from(linkable))))
    return entries


@pytest.mark.parametrize("chunker", ["rabin", "fastcdc"])
@given(tree=_trees())
@example(tree={b"n" * 255: {b"\xff" * 255: File(b"x", mode=0o4711, mtime_ns=-1)}})
@settings(max_examples=25)
def test_a_tree_comes_back(chunker: str, tree: _Entries) -> None:
    problems: list[Event] = []

    def report(event: Event) -> None:
        if isinstance(event, Problem):
            problems.append(event)

    with tempfile.TemporaryDirectory() as work:
        source, target = os.path.join(work, "source"), os.path.join(work, "target")
        build(source, tree)  # type: ignore[arg-type]  # recursive types are beyond strategies
        before = describe(source)
        repo = make_repo(MemoryStore(), chunker=chunker)

        snapshot(repo, [source], report=report)
        stats = restore(repo, f"latest:{source}", target, report=report)

        assert problems == []
        assert stats.problems == 0
        assert describe(target) == before
