from collections.abc import Mapping

import pytest

from bkp.errors import Inauthentic
from bkp.events import Event
from bkp.formats.tree import Node
from bkp.ids import BlobId
from bkp.ops.diff.snapshots import Comparison
from bkp.ops.locate import Operand, find_place
from bkp.repo.repository import Repository
from bkp.store.memory import MemoryStore
from memoryrepo import Dir, File, Spec, Symlink
from packed import save
from repos import make_repo

Tree = Mapping[bytes, Spec]


@pytest.fixture
def repo() -> Repository:
    return make_repo(MemoryStore())


def comparison(
    repo: Repository, before: Tree, after: Tree, path: bytes = b"/", *, metadata: bool = False
) -> Comparison:
    sides = [find_place(repo, Operand(save(repo, tree).id.hex(), path)) for tree in (before, after)]
    return Comparison(repo, *sides, metadata=metadata)


def differences(
    repo: Repository, before: Tree, after: Tree, path: bytes = b"/", *, metadata: bool = False
) -> list[tuple[str, bytes]]:
    compared = comparison(repo, before, after, path, metadata=metadata)
    return [(one.modifier, one.path) for one in compared]


def test_equal_trees_do_not_differ(repo: Repository) -> None:
    tree: Tree = {b"a": b"1", b"d": {b"e": b"2"}}

    assert differences(repo, tree, tree, metadata=True) == []


def test_added_and_removed_directories_are_told_entry_by_entry(repo: Repository) -> None:
    more: Tree = {b"a": b"1", b"d": {b"e": {b"f": b"2"}}}
    less: Tree = {b"a": b"1"}
    lines = [b"/d/", b"/d/e/", b"/d/e/f"]

    assert differences(repo, less, more) == [("+", line) for line in lines]
    assert differences(repo, more, less) == [("-", line) for line in lines]


def test_contents_matter_and_metadata_only_if_asked_for(repo: Repository) -> None:
    before: Tree = {b"f": b"1", b"g": b"same"}
    after: Tree = {b"f": b"2", b"g": File((b"same",), mode=0o600)}

    assert differences(repo, before, after) == [("M?", b"/f")]
    assert differences(repo, before, after, metadata=True) == [("M?", b"/f"), ("U", b"/g")]


def test_contents_that_changed_with_their_time_are_no_sign_of_a_failing_disk(
    repo: Repository,
) -> None:
    after: Tree = {b"f": File((b"2",), fields={"mtime_ns": 5})}

    assert differences(repo, {b"f": b"1"}, after) == [("M", b"/f")]


def test_a_link_to_elsewhere_is_a_change(repo: Repository) -> None:
    assert differences(repo, {b"l": Symlink(b"a")}, {b"l": Symlink(b"b")}) == [("M", b"/l")]


def test_another_type_is_told_with_all_that_goes_and_comes(repo: Repository) -> None:
    directory: Tree = {b"x": {b"in": b"1"}}
    file: Tree = {b"x": b"1"}

    assert differences(repo, directory, file) == [("T", b"/x"), ("-", b"/x/in")]
    assert differences(repo, file, directory) == [("T", b"/x/"), ("+", b"/x/in")]


def test_the_same_instant_in_another_zone_is_the_same(repo: Repository) -> None:
    before: Tree = {b"d": Dir({b"f": File(fields={"mtime": "2026-01-01T12:00:00Z"})})}
    after: Tree = {b"d": Dir({b"f": File(fields={"mtime": "2026-01-01T13:00:00+01:00"})})}

    # The trees are not the same bytes, so that the directory differs in its identity.
    assert differences(repo, before, after) == []
    assert differences(repo, before, after, metadata=True) == [("U", b"/d/")]


def test_a_part_of_snapshots_can_be_compared(repo: Repository) -> None:
    before: Tree = {b"d": {b"f": b"1"}, b"e": b"1"}
    after: Tree = {b"d": {b"f": b"1", b"g": b"2"}, b"e": b"2"}

    assert differences(repo, before, after, b"/d") == [("+", b"/d/g")]
    assert differences(repo, before, after, b"/e") == [("M?", b"/e")]


def test_equal_directories_are_not_read(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    same: Tree = {b"f": b"1"}
    saved = save(repo, {b"d": same})
    other = save(repo, {b"d": same, b"e": b"2"})
    subtree = bytes.fromhex(repo.load_tree(saved.snapshot.tree)[0].subtree)
    places = [find_place(repo, Operand(one.id.hex())) for one in (saved, other)]
    loaded = []
    load = repo.load_tree

    def watch(name: BlobId) -> list[Node]:
        loaded.append(name)
        return load(name)

    monkeypatch.setattr(repo, "load_tree", watch)

    assert len(list(Comparison(repo, *places))) == 1
    assert subtree not in loaded


def test_blobs_that_are_elsewhere_on_the_other_side_are_not_new(repo: Repository) -> None:
    before: Tree = {b"a": b"moved", b"kept": {b"f": b"copied"}, b"x": b"gone"}
    after: Tree = {b"b": b"moved", b"kept": {b"f": b"copied"}, b"c": b"copied", b"n": b"brand new"}

    compared = comparison(repo, before, after)
    list(compared)
    stats = compared.statistics()

    assert (stats.added.files, stats.removed.files) == (3, 2)
    assert (stats.added.data_blobs, stats.removed.data_blobs) == (1, 1)
    assert (stats.added.tree_blobs, stats.removed.tree_blobs) == (1, 1)


def test_a_damaged_directory_is_reported_and_not_taken_for_empty(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = save(repo, {b"d": {b"f": b"1"}, b"z": b"1"})
    other = save(repo, {b"d": {b"f": b"1", b"g": b"2"}, b"z": b"2"})
    places = [find_place(repo, Operand(one.id.hex())) for one in (saved, other)]
    damaged = bytes.fromhex(repo.load_tree(other.snapshot.tree)[0].subtree)
    load = repo.load_tree

    def fail(name: BlobId) -> list[Node]:
        if name == damaged:
            raise Inauthentic("the authentication code does not match")
        return load(name)

    monkeypatch.setattr(repo, "load_tree", fail)
    events: list[Event] = []

    found = [one.path for one in Comparison(repo, *places, report=events.append)]

    assert found == [b"/z"]
    assert len(events) == 1
