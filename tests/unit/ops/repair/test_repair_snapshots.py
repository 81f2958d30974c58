"""What is left of a snapshot can be restored, and what is not is named."""

import pytest

from bkp.errors import Inauthentic, IntegrityError, OutOfReach, Unavailable
from bkp.events import Event, Problem, ignore
from bkp.formats.gojson import encode
from bkp.formats.index import IndexedPack, decode_index, encode_index
from bkp.formats.pack import BlobType
from bkp.formats.snapshot import Snapshot
from bkp.formats.tree import encode_tree
from bkp.ids import BlobId, PackId, blob_id
from bkp.ops.check.run import check
from bkp.ops.edit.replacing import Replaced
from bkp.ops.repair.index import repair_index
from bkp.ops.repair.packs import repair_packs
from bkp.ops.repair.snapshots import RepairOptions, remove_unreadable, repair_snapshots
from bkp.ops.walktree import walk
from bkp.repo import locking
from bkp.repo.repository import Repository, open_repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.store.base import Kind, ObjectName
from memoryrepo import File, Spec, make_node
from packed import flip, object_of, pack_of, put_index, replace, save
from repos import PASSWORD, make_repo, reopen, store_blobs
from stores import FailingStore, never, objects

TREE: dict[bytes, Spec] = {
    b"d": {b"f": File((b"one", b"two", b"three")), b"g": b"whole"},
    b"e": {b"h": b"other"},
}
KEEP, FORGET = RepairOptions(), RepairOptions(forget=True)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FailingStore:
    monkeypatch.setattr(locking, "_SETTLE_SECONDS", 0)
    store = FailingStore()
    make_repo(store)
    return store


def repaired(
    store: FailingStore, options: RepairOptions, lost: list[tuple[BlobType, BlobId]]
) -> tuple[list[Replaced], list[Event]]:
    """Repair the snapshots of a repository that has lost some blobs."""
    for kind, name in lost:
        lose(store, kind, name)
    events: list[Event] = []
    repo = reopen(store)
    with repo.lock() as lock:
        chosen = repo.snapshots.load_all()
        return list(repair_snapshots(repo, lock, chosen, options, events.append)), events


def damage(store: FailingStore, kind: BlobType, name: BlobId) -> PackId:
    """Flip a bit of a blob; return the pack it is in."""
    place = reopen(store).index.places(kind, name)[0]
    flip(store, object_of(place.pack), place.blob.offset + 20)
    return place.pack


def lose(store: FailingStore, kind: BlobType, name: BlobId) -> None:
    pack = damage(store, kind, name)
    repo = reopen(store)
    with repo.lock(exclusive=True) as lock:
        repair_packs(repo, lock, [pack], ignore)


def contents(repo: Repository, saved: SavedSnapshot) -> dict[bytes, list[bytes]]:
    found = walk(repo, saved.snapshot.tree, ignore)
    return {
        path: [repo.read_blob(BlobType.DATA, BlobId(bytes.fromhex(name))) for name in node.content]
        for path, node in found
        if node.content is not None
    }


def new_of(replaced: list[Replaced]) -> SavedSnapshot:
    ((_, new),) = replaced
    assert new is not None
    return new


def paths(events: list[Event]) -> list[bytes]:
    return [event.path for event in events if isinstance(event, Problem)]


def test_a_sound_snapshot_stays_as_it_is(store: FailingStore) -> None:
    saved = save(reopen(store), TREE)
    assert repaired(store, FORGET, []) == ([], [])
    assert reopen(store).snapshots.ids() == [saved.id]


def test_a_file_keeps_what_is_left_of_it(store: FailingStore) -> None:
    saved = save(reopen(store), TREE)

    replaced, events = repaired(store, KEEP, [(BlobType.DATA, blob_id(b"two"))])

    new = new_of(replaced)
    repo = reopen(store)
    assert contents(repo, new) == {
        b"/d/f": [b"one", b"three"],
        b"/d/g": [b"whole"],
        b"/e/h": [b"other"],
    }
    (size,) = {node.size for path, node in walk(repo, new.snapshot.tree, ignore) if path == b"/d/f"}
    assert size == 8
    assert paths(events) == [b"/d/f"]
    assert (new.snapshot.original, new.snapshot.tags) == (saved.id, ("repaired",))
    assert set(repo.snapshots.ids()) == {saved.id, new.id}


def test_a_directory_that_is_lost_becomes_empty(store: FailingStore) -> None:
    saved = save(reopen(store), TREE)
    lost = BlobId(bytes.fromhex(reopen(store).load_tree(saved.snapshot.tree)[0].subtree))

    replaced, events = repaired(store, FORGET, [(BlobType.TREE, lost)])

    new = new_of(replaced)
    assert contents(reopen(store), new) == {b"/e/h": [b"other"]}
    assert paths(events) == [b"/d"]
    assert new.snapshot.tags == ()
    assert reopen(store).snapshots.ids() == [new.id]


@pytest.mark.parametrize("options", [KEEP, FORGET])
def test_of_a_lost_root_nothing_is_left(store: FailingStore, options: RepairOptions) -> None:
    saved = save(reopen(store), TREE)

    replaced, events = repaired(store, options, [(BlobType.TREE, saved.snapshot.tree)])

    assert paths(events) == [b"/"]
    if options.forget:
        assert replaced == [Replaced(saved, None)]
        assert reopen(store).snapshots.ids() == []
    else:
        assert replaced == []
        assert reopen(store).snapshots.ids() == [saved.id]


def test_nothing_changes_in_a_dry_run(store: FailingStore) -> None:
    saved = save(reopen(store), TREE)
    lost = [(BlobType.DATA, blob_id(b"two"))]

    replaced, events = repaired(store, RepairOptions(forget=True, dry_run=True), lost)

    assert replaced == [Replaced(saved, None)]
    assert paths(events) == [b"/d/f"]
    assert reopen(store).snapshots.ids() == [saved.id]


def test_what_no_restore_could_make_goes(store: FailingStore) -> None:
    """And the check, which complains of it, is content then."""
    repo = reopen(store)
    (data,) = store_blobs(repo, b"data")
    tree = encode_tree(
        [
            make_node(b"..", 0o040755, type="dir", subtree="00" * 32),
            make_node(b"a/b", 0o100644),
            make_node(b"kept", 0o100644, content=[data.hex()], size=4),
            make_node(b"nothing", 0o100644, content=None),
            make_node(b"odd", 0o100644, type="irregular"),
            make_node(b"size", 0o100644, content=[data.hex()], size=5),
            make_node(b"timeless", 0o100644, content=[], mtime="long ago"),
            make_node(b"treeless", 0o040755, type="dir"),
        ]
    )
    double = tree.replace(b'"name":"size"', b'"name":"kept"')
    (root,) = store_blobs(repo, double, kind=BlobType.TREE)
    repo.snapshots.save(Snapshot(time="2026-01-02T03:04:05Z", tree=root, paths=("/",)))
    assert check(open_repository(store, PASSWORD)).fault_count > 5

    replaced, events = repaired(store, FORGET, [])

    assert contents(reopen(store), new_of(replaced)) == {
        b"/kept": [b"data"],
        b"/nothing": [],
        b"/timeless": [],
    }
    told = [b"/..", b"/a/b", b"/nothing", b"/odd", b"/kept", b"/timeless", b"/treeless"]
    assert sorted(paths(events)) == sorted(told)
    assert check(open_repository(store, PASSWORD)).faults == ()


def test_a_snapshot_that_cannot_be_read_goes_if_it_is_named(store: FailingStore) -> None:
    saved, other = save(reopen(store), TREE), save(reopen(store), {})
    flip(store, ObjectName(Kind.SNAPSHOT, saved.id.hex()), 40)
    repo = reopen(store)
    names = [saved.id.hex()[:10], other.id.hex()]

    with repo.lock() as lock:
        with pytest.raises(IntegrityError, match="--forget"):
            remove_unreadable(repo, lock, names, KEEP, ignore)
        dry_run = RepairOptions(forget=True, dry_run=True)
        assert remove_unreadable(repo, lock, names, dry_run, ignore) == [other.id.hex()]
        assert len(repo.snapshots.ids()) == 2
        assert remove_unreadable(repo, lock, names, FORGET, ignore) == [other.id.hex()]

    assert repo.snapshots.ids() == [other.id]


def test_a_node_that_is_repaired_is_written_as_restic_does(store: FailingStore) -> None:
    repo = reopen(store)
    file = {"name": "f", "type": "file", "size": 9, "content": [blob_id(b"gone").hex()], "x": 1}
    (root,) = store_blobs(repo, encode({"nodes": [file]}) + b"\n", kind=BlobType.TREE)
    repo.snapshots.save(Snapshot(time="2026-01-02T03:04:05Z", tree=root, paths=("/",)))

    replaced, _ = repaired(store, KEEP, [])

    stored = reopen(store).read_blob(BlobType.TREE, new_of(replaced).snapshot.tree)
    assert stored == b'{"nodes":[{"name":"f","type":"file","uid":0,"gid":0,"content":[]}]}\n'


def test_what_cannot_be_read_now_is_not_taken_for_lost(store: FailingStore) -> None:
    saved = save(reopen(store), TREE)
    pack = object_of(pack_of(reopen(store), saved.snapshot.tree, BlobType.TREE))
    store.fails = lambda _, name: Unavailable("busy") if name == pack else None

    with pytest.raises(OutOfReach, match="repair packs"):
        repaired(store, FORGET, [])

    store.fails = never
    assert reopen(store).snapshots.ids() == [saved.id]


def test_what_is_damaged_on_its_way_is_read_again(store: FailingStore) -> None:
    saved = save(reopen(store), TREE)
    pack = object_of(pack_of(reopen(store), saved.snapshot.tree, BlobType.TREE))
    errors = [Inauthentic("a bit flipped")]
    store.fails = lambda _, name: errors.pop() if name == pack and errors else None

    assert repaired(store, FORGET, []) == ([], [])

    assert errors == []


def refused(store: FailingStore, words: str) -> None:
    """See that repairing a snapshot is refused, and changes nothing."""
    before = {kind: dict(store.scan(kind)) for kind in Kind}
    with pytest.raises(IntegrityError, match=words):
        repaired(store, FORGET, [])
    assert {kind: dict(store.scan(kind)) for kind in Kind} == before


def test_what_only_the_index_forgot_is_not_taken_out(store: FailingStore) -> None:
    """An index object that is gone leaves no trace but packs that none names."""
    saved = save(reopen(store), TREE)
    for name in list(objects(store, Kind.INDEX)):
        store.delete(name)

    refused(store, "`bkp repair index` has to come first")

    repo = reopen(store)
    with repo.lock(exclusive=True) as lock:
        repair_index(repo, lock, ignore)
    assert repaired(store, FORGET, []) == ([], [])
    assert reopen(store).snapshots.ids() == [saved.id]


def test_contents_that_only_the_index_forgot_are_not_taken_out(store: FailingStore) -> None:
    repo = reopen(store)
    save(repo, TREE)
    (place,) = repo.index.places(BlobType.DATA, blob_id(b"two"))
    for name in list(objects(store, Kind.INDEX)):
        index = decode_index(repo.envelope.open_file(store.get(name)))
        store.delete(name)
        kept = [pack for pack in index.packs if pack.id != place.pack]
        put_index(repo, encode_index(kept, 2))

    refused(store, f"data/{place.pack.hex()}; `bkp repair index` has to come first")


def test_what_an_index_calls_by_another_type_is_not_taken_out(store: FailingStore) -> None:
    """All sizes are right then, and only the packs know better."""
    repo = reopen(store)
    saved = save(repo, TREE)
    pack = pack_of(repo, saved.snapshot.tree, BlobType.TREE)
    for name in list(objects(store, Kind.INDEX)):
        index = decode_index(repo.envelope.open_file(store.get(name)))
        store.delete(name)
        wrong = [
            IndexedPack(one.id, [blob._replace(type=BlobType.DATA) for blob in one.blobs])
            for one in index.packs
        ]
        put_index(repo, encode_index(wrong, 2))

    refused(store, f"data/{pack.hex()}; `bkp repair index --read-all-packs` has to come first")

    repo = reopen(store)
    with repo.lock(exclusive=True) as lock:
        repair_index(repo, lock, ignore, read_all=True)
    assert repaired(store, FORGET, []) == ([], [])


def test_what_lies_under_the_name_of_another_pack_is_not_taken_out(store: FailingStore) -> None:
    """Two packs that were swapped: the index is wrong about both, and nothing is lost."""
    repo = reopen(store)
    saved = save(repo, TREE)
    trees = pack_of(repo, saved.snapshot.tree, BlobType.TREE)
    data = pack_of(repo, blob_id(b"whole"))
    held = [store.get(object_of(pack)) for pack in (trees, data)]
    for pack, other in zip((data, trees), held, strict=True):
        replace(store, object_of(pack), other)

    refused(store, f"`bkp repair packs {trees.hex()}` has to come first")
    with repo.lock(exclusive=True) as lock:  # as if only half of what helps were done
        repair_packs(reopen(store), lock, [trees], ignore)
    refused(store, f"data/{data.hex()}; `bkp repair index` has to come first")


def test_what_is_in_a_pack_that_is_not_repaired_is_not_taken_out(store: FailingStore) -> None:
    saved = save(reopen(store), TREE)
    pack = damage(store, BlobType.TREE, saved.snapshot.tree)
    refused(store, f"`bkp repair packs {pack.hex()}` has to come first")
    store.delete(object_of(pack))
    refused(store, "`bkp repair index` has to come first")
