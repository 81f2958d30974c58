"""The literals of trees.py say what is on disk, and differences are seen."""

from pathlib import Path

from trees import Dir, Fifo, File, HardLink, Socket, Sparse, Symlink, Tree, build, describe


def test_a_tree_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    build(
        tmp_path / "t",
        {
            "a": File(b"text", mode=0o640, mtime_ns=-5, xattrs={"user.x": b"1"}),
            "b": HardLink("a"),
            "d": Dir({"l": Symlink("../a", mtime_ns=7), "p": Fifo()}, mode=0o711, mtime_ns=9),
            "s": Sparse(5, {3: b"x"}),
            "k": Socket(),
        },
    )
    found = describe(tmp_path / "t", with_root=True)

    assert list(found) == [b"a", b"b", b"d", b"d/l", b"d/p", b"k", b"s", b"."]
    assert found[b"a"] == found[b"b"]
    assert (found[b"a"].content, found[b"a"].mode, found[b"a"].mtime_ns) == (b"text", 0o640, -5)
    assert found[b"a"].same_as == (b"a", b"b")
    assert found[b"a"].xattrs == (("user.x", b"1"),)
    assert (found[b"d"].mode, found[b"d"].mtime_ns) == (0o711, 9)
    assert (found[b"d/l"].content, found[b"d/l"].mtime_ns) == (b"../a", 7)
    assert found[b"s"].content == b"\0\0\0x\0"
    assert [found[name].kind for name in (b"d/p", b"k")] == ["fifo", "socket"]


def test_the_same_literal_gives_the_same_description(tmp_path: Path) -> None:
    tree: Tree = {b"\xff\n": File(b"x", mtime_ns=1), b"d": Dir(mtime_ns=2)}
    build(tmp_path / "one", tree)
    build(tmp_path / "two", tree)

    assert describe(tmp_path / "one") == describe(tmp_path / "two")


def test_a_lost_hard_link_is_a_difference(tmp_path: Path) -> None:
    build(tmp_path / "one", {"a": File(b"x", mtime_ns=1), "b": HardLink("a")})
    build(tmp_path / "two", {"a": File(b"x", mtime_ns=1), "b": File(b"x", mtime_ns=1)})

    assert describe(tmp_path / "one") != describe(tmp_path / "two")
