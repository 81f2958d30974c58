"""Where blobs and trees are used; that restic finds the same is shown in interop."""

import pytest

from bkp.errors import UsageError
from bkp.events import Event, Problem
from bkp.formats.pack import BlobType
from bkp.formats.snapshot import Snapshot
from bkp.ids import BlobId, SnapshotId, blob_id
from bkp.ops.find.ids import Use, find_uses
from bkp.ops.find.wanted import Beginnings, Wanted
from bkp.repo.snapshots import SavedSnapshot
from memoryrepo import File, MemoryRepository, Spec, Symlink, make_node, store

ONE, TWO = blob_id(b"one"), blob_id(b"two")
TREE: dict[bytes, Spec] = {
    b"a": File((b"one", b"two", b"one")),
    b"empty": b"",
    b"home": {b"me": {b"x": b"one", b"y": b"other"}, b"you": {b"z": b"other"}},
    b"link": Symlink(b"one"),
}


def saved(tree: BlobId, number: int = 0) -> SavedSnapshot:
    snapshot = Snapshot(time="2026-01-01T00:00:00Z", tree=tree, paths=("/",))
    return SavedSnapshot(SnapshotId(bytes([number]) * 32), snapshot)


def subtree(repository: MemoryRepository, tree: BlobId, *names: bytes) -> BlobId:
    for name in names:
        (node,) = (node for node in repository.trees[tree] if node.name == name)
        tree = BlobId(bytes.fromhex(node.subtree))
    return tree


def data(*ids: str) -> Wanted:
    return Wanted(data=Beginnings(ids))


def trees(*ids: str) -> Wanted:
    return Wanted(trees=Beginnings(ids))


def test_a_blob_is_found_with_file_and_tree() -> None:
    repository = MemoryRepository()
    root = store(repository, TREE)
    snapshot = saved(root)

    uses = list(find_uses(repository, [snapshot], data(ONE.hex())))

    me = subtree(repository, root, b"home", b"me")
    assert uses == [
        Use(snapshot, BlobType.DATA, ONE, b"/a", root),
        Use(snapshot, BlobType.DATA, ONE, b"/home/me/x", me),
    ]


def test_a_tree_is_found_with_its_directory_even_at_the_top() -> None:
    repository = MemoryRepository()
    root = store(repository, TREE)
    snapshot = saved(root)
    me = subtree(repository, root, b"home", b"me")

    uses = list(find_uses(repository, [snapshot], trees(me.hex(), root.hex())))

    assert uses == [
        Use(snapshot, BlobType.TREE, root, b"/"),
        Use(snapshot, BlobType.TREE, me, b"/home/me"),
    ]


def test_the_beginning_of_an_id_is_enough() -> None:
    repository = MemoryRepository()
    snapshot = saved(store(repository, TREE))

    uses = find_uses(repository, [snapshot], data(ONE.hex()[:8], TWO.hex()[:5]))

    assert [(use.path, use.id) for use in uses] == [
        (b"/a", ONE),
        (b"/a", TWO),
        (b"/home/me/x", ONE),
    ]


@pytest.mark.parametrize("digits", ["", "x", "ABCD", "0" * 65, "0\n"])
def test_what_begins_no_id_is_refused(digits: str) -> None:
    with pytest.raises(UsageError):
        Beginnings([digits])


def test_every_snapshot_and_path_is_told_though_a_tree_is_looked_into_once() -> None:
    repository = MemoryRepository()
    root = store(repository, TREE)
    (home,) = (node for node in repository.trees[root] if node.name == b"home")
    moved = repository.add_tree([make_node(b"moved", 0o40755, type="dir", subtree=home.subtree)])
    snapshots = [saved(root, 1), saved(moved, 2), saved(root, 3)]

    uses = list(find_uses(repository, snapshots, data(ONE.hex())))

    assert [(use.saved.id[0], use.path) for use in uses] == [
        (1, b"/a"),
        (1, b"/home/me/x"),
        (2, b"/moved/me/x"),
        (3, b"/a"),
        (3, b"/home/me/x"),
    ]
    assert sorted(repository.was_loaded) == sorted(repository.trees)


def test_a_damaged_tree_is_reported_once_and_found_itself() -> None:
    repository = MemoryRepository()
    root = store(repository, TREE)
    me = subtree(repository, root, b"home", b"me")
    repository.damaged.add(me)
    events: list[Event] = []
    wanted = Wanted(data=Beginnings([ONE.hex()]), trees=Beginnings([me.hex()]))

    uses = list(find_uses(repository, [saved(root, 1), saved(root, 2)], wanted, events.append))

    assert [(use.saved.id[0], use.path) for use in uses] == [
        (1, b"/a"),
        (1, b"/home/me"),
        (2, b"/a"),
        (2, b"/home/me"),
    ]
    assert [event.path for event in events if isinstance(event, Problem)] == [b"/home/me"]


def test_a_directory_without_a_tree_is_reported() -> None:
    repository = MemoryRepository()
    root = repository.add_tree([make_node(b"d", 0o40755, type="dir", subtree="")])
    events: list[Event] = []

    assert list(find_uses(repository, [saved(root)], data(ONE.hex()), events.append)) == []
    assert len(events) == 1


def test_a_very_deep_tree_is_no_problem() -> None:
    repository = MemoryRepository()
    tree = store(repository, {b"f": b"one"})
    for _ in range(3000):
        tree = repository.add_tree([make_node(b"d", 0o40755, type="dir", subtree=tree.hex())])

    (use,) = find_uses(repository, [saved(tree)], data(ONE.hex()))

    assert use.path == b"/d" * 3000 + b"/f"
