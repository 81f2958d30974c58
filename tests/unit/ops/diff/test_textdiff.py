from collections.abc import Mapping
from pathlib import Path

import pytest

from bkp.events import Event, Problem
from bkp.ops.diff.differences import Difference
from bkp.ops.diff.snapshots import Comparison
from bkp.ops.diff.text import MAX_TEXT, content_diff
from bkp.ops.locate import Operand, find_place
from bkp.repo.repository import Repository
from bkp.store.memory import MemoryStore
from memoryrepo import File, Spec
from packed import save
from repos import make_repo


@pytest.fixture
def repo() -> Repository:
    return make_repo(MemoryStore())


def fail(event: Event) -> None:
    raise AssertionError(event)


def shown(repo: Repository, before: Mapping[bytes, Spec], after: Mapping[bytes, Spec]) -> bytes:
    places = [find_place(repo, Operand(save(repo, tree).id.hex())) for tree in (before, after)]
    differences = Comparison(repo, *places)
    return b"".join(line for one in differences for line in content_diff(repo, one, fail))


def test_changed_lines_are_shown_in_their_surroundings(repo: Repository) -> None:
    text = b"".join(b"%d\n" % number for number in range(10))

    expected = b"--- a/f\n+++ b/f\n@@ -6,5 +6,5 @@\n 5\n 6\n 7\n-8\n+eight\n 9\n"
    assert shown(repo, {b"f": text}, {b"f": text.replace(b"8", b"eight")}) == expected


def test_new_and_removed_files_are_compared_with_nothing(repo: Repository) -> None:
    assert shown(repo, {b"a": b""}, {b"a": b"", b"f": b"x\n"}) == (
        b"--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+x\n"
    )
    assert shown(repo, {b"a": b"", b"f": b"x\n"}, {b"a": b""}) == (
        b"--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    )


def test_a_missing_newline_at_the_end_is_told(repo: Repository) -> None:
    assert shown(repo, {b"f": b"a"}, {b"f": b"a\n"}) == (
        b"--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"
    )


def test_a_carriage_return_does_not_end_a_line(repo: Repository) -> None:
    assert b"-a\rb\n" in shown(repo, {b"f": b"a\rb\n"}, {b"f": b"a\rc\n"})


def test_bytes_that_are_no_text_are_kept(repo: Repository) -> None:
    assert b"-\xff\n+\xfe\n" in shown(repo, {b"f": b"\xff\n"}, {b"f": b"\xfe\n"})


def test_binary_and_large_files_are_only_named(repo: Repository) -> None:
    assert shown(repo, {b"f": b"a\0"}, {b"f": b"b\0"}) == b"Binary files of /f differ\n"
    large = File(tuple(b"x" * (1 << 20) for _ in range(MAX_TEXT // (1 << 20) + 1)))
    assert b"too large" in shown(repo, {b"f": b"a"}, {b"f": large})


def test_a_live_file_is_read_from_disk(repo: Repository, tmp_path: Path) -> None:
    before = repo.load_tree(save(repo, {b"f": b"old\n"}).snapshot.tree)[0]
    path = tmp_path / "f"
    path.write_bytes(b"new\n")
    difference = Difference(b"/f", "M", before, before, bytes(path))

    assert list(content_diff(repo, difference, fail))[-2:] == [b"-old\n", b"+new\n"]


def test_a_file_that_vanished_is_reported(repo: Repository, tmp_path: Path) -> None:
    before = repo.load_tree(save(repo, {b"f": b"old\n"}).snapshot.tree)[0]
    events: list[Event] = []
    difference = Difference(b"/f", "M", before, before, bytes(tmp_path / "gone"))

    assert list(content_diff(repo, difference, events.append)) == []
    assert [type(event) for event in events] == [Problem]
