"""Rewritten snapshots hold what was chosen of them, to the byte."""

import json
from dataclasses import replace

import pytest

from bkp.errors import UsageError
from bkp.events import Event, Problem, Reporter, ignore
from bkp.files.selection.patterns import PatternList
from bkp.formats.gojson import encode
from bkp.formats.pack import BlobType
from bkp.formats.snapshot import Snapshot, Summary
from bkp.ids import BlobId
from bkp.ops.edit.rewriting import RewriteOptions, rewrite
from bkp.ops.selection import Selection
from bkp.ops.walktree import walk
from bkp.repo import locking
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.store.base import Kind
from memoryrepo import Spec
from packed import flip, object_of, pack_of, save
from repos import make_repo, reopen, store_blobs
from stores import RecordingStore

TREE: dict[bytes, Spec] = {
    b"home": {b"a.iso": b"image", b"b": b"text", b"d": {b"c.iso": b"other"}},
    b"none": {},
}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> RecordingStore:
    monkeypatch.setattr(locking, "_SETTLE_SECONDS", 0)
    store = RecordingStore()
    make_repo(store)
    return store


@pytest.fixture
def repo(store: RecordingStore) -> Repository:
    return reopen(store)


def patterns(*given: bytes) -> PatternList:
    return PatternList(given)


def rewritten(
    repo: Repository, options: RewriteOptions, report: Reporter = ignore
) -> list[SavedSnapshot | None]:
    with repo.lock() as lock:
        chosen = repo.snapshots.load_all()
        return [new for _, new in rewrite(repo, lock, chosen, options, report)]


def paths(repo: Repository, saved: SavedSnapshot | None) -> list[bytes]:
    assert saved is not None

    def fail(event: object) -> None:
        raise AssertionError(event)

    return [found.path for found in walk(repo, saved.snapshot.tree, fail)]


def without(*given: bytes) -> RewriteOptions:
    return RewriteOptions(selection=Selection(exclude=patterns(*given)))


def only(*given: bytes) -> RewriteOptions:
    return RewriteOptions(selection=Selection(include=patterns(*given)))


def test_what_is_excluded_is_gone_and_directories_stay(repo: Repository) -> None:
    save(repo, TREE)

    (new,) = rewritten(repo, without(b"*.iso"))

    assert paths(repo, new) == [b"/home", b"/home/b", b"/home/d", b"/none"]


def test_only_what_is_included_is_left(repo: Repository) -> None:
    save(repo, TREE)

    (new,) = rewritten(repo, only(b"c.iso"))

    assert paths(repo, new) == [b"/home", b"/home/d", b"/home/d/c.iso"]


def test_a_directory_that_is_included_stays_whole(repo: Repository) -> None:
    save(repo, TREE)

    (new,) = rewritten(repo, only(b"/home/d", b"/none"))

    assert paths(repo, new) == [b"/home", b"/home/d", b"/home/d/c.iso", b"/none"]


def test_what_would_be_left_without_anything_stays_as_it_is(repo: Repository) -> None:
    save(repo, TREE)
    assert rewritten(repo, only(b"nothing")) == []
    assert len(repo.snapshots.ids()) == 1


def test_everything_excluded_leaves_an_empty_snapshot(repo: Repository) -> None:
    save(repo, TREE)
    (new,) = rewritten(repo, without(b"*"))
    assert paths(repo, new) == []


def test_the_original_stays_unless_it_is_to_be_forgotten(repo: Repository) -> None:
    saved = save(repo, TREE)

    (new,) = rewritten(repo, without(b"*.iso"))

    assert new is not None
    assert new.snapshot.tags == ("rewrite",)
    assert new.snapshot.original == saved.id
    assert set(repo.snapshots.ids()) == {saved.id, new.id}

    options = RewriteOptions(host="other", forget=True)
    assert len(rewritten(repo, options)) == 2
    found = [one.snapshot for one in repo.snapshots.load_all()]
    assert [one.hostname for one in found] == ["other", "other"]
    assert {one.tags for one in found} == {(), ("rewrite",)}


def test_nothing_is_written_in_a_dry_run(repo: Repository, store: RecordingStore) -> None:
    saved = save(repo, TREE)
    before = len(store.log)

    options = RewriteOptions(selection=Selection(exclude=patterns(b"*.iso")), dry_run=True)
    assert rewritten(repo, options) == [None]

    assert {name.kind for _, name in store.log[before:]} == {Kind.LOCK}
    assert repo.snapshots.ids() == [saved.id]


def test_host_and_time_are_replaced(repo: Repository) -> None:
    save(repo, TREE)
    (new,) = rewritten(repo, RewriteOptions(host="cellar", time="2020-02-03T04:05:06Z"))
    assert new is not None
    assert (new.snapshot.hostname, new.snapshot.time) == ("cellar", "2020-02-03T04:05:06Z")


def test_a_summary_counts_what_is_left(repo: Repository) -> None:
    save(repo, TREE)

    (counted,) = rewritten(repo, RewriteOptions(add_summary=True, forget=True))
    assert counted is not None
    assert counted.snapshot.summary == Summary(total_files_processed=3, total_bytes_processed=14)

    (new,) = rewritten(repo, without(b"a.iso"))
    assert new is not None
    assert new.snapshot.summary == Summary(total_files_processed=2, total_bytes_processed=9)


def test_what_others_wrote_into_nodes_is_kept(repo: Repository) -> None:
    """Keys that nobody here knows, and a value that looks like the tree of a directory."""
    file = {"name": "f", "type": "file", "content": [], "other": {"subtree": "x"}}
    inner = encode({"nodes": [file]})
    (below,) = store_blobs(repo, inner, kind=BlobType.TREE)
    nodes: list[dict[str, object]] = [
        {
            "name": "d",
            "type": "dir",
            "new": [1, 2.50],
            "subtree": below.hex(),
            "last": '"subtree":"' + "0" * 64 + '"',
        },
        {"name": "g", "type": "file", "content": [], "unknown": "kept"},
    ]
    (tree,) = store_blobs(repo, encode({"nodes": nodes}) + b"\n", kind=BlobType.TREE)
    repo.snapshots.save(Snapshot(time="2026-01-02T03:04:05Z", tree=tree, paths=("/",)))

    (new,) = rewritten(repo, without(b"f"))

    assert new is not None
    stored = json.loads(repo.read_blob(BlobType.TREE, new.snapshot.tree))
    (empty,) = {node["subtree"] for node in stored["nodes"] if node["name"] == "d"}
    assert stored["nodes"] == [{**nodes[0], "subtree": empty}, nodes[1]]
    assert repo.read_blob(BlobType.TREE, BlobId(bytes.fromhex(empty))) == b'{"nodes":[]}\n'


def test_a_tree_of_which_nothing_changes_keeps_its_name(repo: Repository) -> None:
    """Even one that nobody would write like this: unsorted, and with white space."""
    odd = b'{ "nodes": [{"name":"b","type":"fifo"}, {"name":"a","type":"fifo"}] }'
    (below,) = store_blobs(repo, odd, kind=BlobType.TREE)
    node = {"name": "d", "type": "dir", "subtree": below.hex()}
    file = {"name": "x.iso", "type": "file", "content": []}
    tree = encode({"nodes": [node, file]}) + b"\n"
    (root,) = store_blobs(repo, tree, kind=BlobType.TREE)
    repo.snapshots.save(Snapshot(time="2026-01-02T03:04:05Z", tree=root, paths=("/",)))

    (new,) = rewritten(repo, without(b"x.iso"))

    assert new is not None
    assert repo.load_tree(new.snapshot.tree)[0].subtree == below.hex()


def test_directories_that_snapshots_share_are_rewritten_once(
    store: RecordingStore, repo: Repository
) -> None:
    for number in range(3):
        save(repo, TREE | {b"n": b"%d" % number}, time=f"2026-01-0{number + 1}T00:00:00Z")

    before = len(store.reads)

    new = rewritten(repo, without(b"*.iso"))

    read = [name for name, _, _ in store.reads[before:] if name.kind is Kind.PACK]
    assert len(read) == 3 + 3  # three roots, and what is below them once
    homes = {
        node.subtree
        for saved in new
        if saved is not None
        for node in repo.load_tree(saved.snapshot.tree)
        if node.name == b"home"
    }
    assert (len(new), len(homes)) == (3, 1)


def test_a_snapshot_with_a_tree_that_cannot_be_read_stays(
    store: RecordingStore, repo: Repository
) -> None:
    """And what was begun of it is not taken for stored by the others, which have parts of it."""
    both = {b"a": TREE[b"home"], b"z": {b"lost": b"content"}}
    lost = save(repo, {b"lost": b"content"}, time="2026-01-01T00:00:00Z")  # the root alone, apart
    first = save(repo, both, time="2026-01-02T00:00:00Z")
    second = save(repo, {b"a": TREE[b"home"]}, time="2026-01-03T00:00:00Z")
    flip(store, object_of(pack_of(repo, lost.snapshot.tree, BlobType.TREE)), 40)
    events: list[Event] = []

    options = replace(without(b"*.iso"), forget=True)
    (new,) = rewritten(reopen(store), options, events.append)

    assert {event.path.decode() for event in events if isinstance(event, Problem)} == {
        f"snapshots/{saved.id.hex()}" for saved in (lost, first)
    }
    again = reopen(store)
    assert paths(again, new) == [b"/a", b"/a/b", b"/a/d"]
    assert {lost.id, first.id} < set(again.snapshots.ids())
    assert second.id not in again.snapshots.ids()


def test_what_changes_nothing_is_refused() -> None:
    with pytest.raises(UsageError):
        RewriteOptions()
    with pytest.raises(UsageError):
        RewriteOptions(selection=Selection(include=patterns(b"a"), exclude=patterns(b"b")))
