from itertools import count

import pytest

from bkp.events import Event, Problem, ignore
from bkp.formats.pack import BlobType
from bkp.ids import BlobId, blob_id
from bkp.ops.backup.labels import SnapshotLabels
from bkp.ops.check.run import check
from bkp.ops.prune.options import PruneOptions
from bkp.ops.prune.run import prune
from bkp.ops.recover import RECOVERED, recover
from bkp.ops.walktree import walk
from bkp.repo import locking
from bkp.repo.repository import Repository, open_repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.store.memory import MemoryStore
from bkp.times import UTC
from memoryrepo import Spec
from packed import save
from repos import PASSWORD, make_repo, reopen, store_blobs

LABELS = SnapshotLabels(host="cellar", time_ns=10**18, zone=UTC, tags=[RECOVERED])
TREE: dict[bytes, Spec] = {b"d": {b"f": b"content"}, b"e": {}}


@pytest.fixture
def repo(monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr(locking, "_SETTLE_SECONDS", 0)
    return make_repo(MemoryStore())


def recovered(repo: Repository, events: list[Event] | None = None) -> SavedSnapshot | None:
    again = reopen(repo.store)
    with again.lock(exclusive=True) as lock:
        return recover(again, lock, LABELS, ignore if events is None else events.append)


def paths(repo: Repository, tree: BlobId) -> set[bytes]:
    return {found.path for found in walk(reopen(repo.store), tree, ignore)}


def test_nothing_is_found_where_nothing_is_lost(repo: Repository) -> None:
    save(repo, TREE)
    assert recovered(repo) is None
    assert len(repo.snapshots.ids()) == 1


def test_what_lost_snapshots_held_is_found(repo: Repository) -> None:
    save(repo, {b"kept": b"k"})
    lost = [save(repo, TREE), save(repo, TREE | {b"other": b"o"})]
    for saved in lost:
        repo.snapshots.remove(saved.id)

    found_again = recovered(repo)

    assert found_again is not None
    snapshot = found_again.snapshot
    assert (snapshot.tags, snapshot.hostname) == (("recovered",), "cellar")
    assert snapshot.paths == ("/recovered",)
    found = {b"/" + one.snapshot.tree.hex()[:8].encode(): one for one in lost}
    assert {path for path in paths(repo, snapshot.tree) if path.count(b"/") == 1} == set(found)
    for root, one in found.items():
        below = {root + path for path in paths(repo, one.snapshot.tree)}
        assert below < paths(repo, snapshot.tree)
    assert check(open_repository(repo.store, PASSWORD)).faults == ()
    assert recovered(repo) is None


def test_a_tree_that_cannot_be_read_is_told_of_and_left_out(repo: Repository) -> None:
    (tree,) = store_blobs(repo, b"no tree", kind=BlobType.TREE)
    lost = save(repo, TREE)
    repo.snapshots.remove(lost.id)
    events: list[Event] = []

    saved = recovered(repo, events)

    assert [event.path for event in events if isinstance(event, Problem)] == [
        b"tree " + tree.hex().encode()
    ]
    assert saved is not None
    (node,) = reopen(repo.store).load_tree(saved.snapshot.tree)
    assert node.subtree == lost.snapshot.tree.hex()


def trees_that_begin_alike() -> tuple[bytes, bytes]:
    """Return two trees whose names have the first 8 digits in common; some 100 000 tries."""
    met: dict[bytes, bytes] = {}
    for number in count():
        tree = b'{"nodes":[{"name":"%d","type":"fifo"}]}\n' % number
        beginning = blob_id(tree)[:4]
        if beginning in met:
            return met[beginning], tree
        met[beginning] = tree
    raise AssertionError


def test_roots_whose_names_begin_alike_are_called_by_all_of_it(repo: Repository) -> None:
    trees = store_blobs(repo, *trees_that_begin_alike(), kind=BlobType.TREE)

    saved = recovered(repo)

    assert saved is not None
    nodes = reopen(repo.store).load_tree(saved.snapshot.tree)
    assert {node.name.decode() for node in nodes} == {tree.hex() for tree in trees}


def test_what_was_pruned_by_mistake_is_found_as_long_as_it_is_only_marked(repo: Repository) -> None:
    lost = save(repo, TREE)
    repo.snapshots.remove(lost.id)
    marks = PruneOptions(max_unused=lambda _: 0)
    prune(open_repository(repo.store, PASSWORD), marks, ignore)
    assert len(reopen(repo.store).marks()) == 2

    saved = recovered(repo)

    assert saved is not None
    (node,) = reopen(repo.store).load_tree(saved.snapshot.tree)
    assert node.subtree == lost.snapshot.tree.hex()
    again = reopen(repo.store)
    again.marked.reset()  # as restic sees it
    assert {path for path in paths(again, saved.snapshot.tree) if b"/d" in path}
    assert check(open_repository(repo.store, PASSWORD)).faults == ()
