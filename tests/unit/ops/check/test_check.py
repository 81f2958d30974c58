from collections.abc import Iterator
from hashlib import sha256

import pytest

from bkp.errors import AccessDenied
from bkp.events import Event, Notice, Problem
from bkp.formats.gojson import encode
from bkp.formats.pack import BlobType
from bkp.formats.tree import encode_tree
from bkp.ids import BlobId, blob_id
from bkp.ops.check.faults import FaultKind
from bkp.ops.check.run import CheckOptions, CheckResult, check
from bkp.ops.check.subset import Everything
from bkp.repo.repository import Repository, open_repository
from bkp.store.base import Kind, ObjectName
from bkp.store.memory import MemoryStore
from memoryrepo import File, Spec, make_node
from packed import flip, object_of, pack_of, replace, save
from repos import make_repo, store_blobs
from stores import objects

BIG = bytes(range(256)) * 4000  # larger than what sits around it, so in a place of its own
TREE: dict[bytes, Spec] = {b"home": {b"a": b"first", b"b": {b"big": BIG}}, b"z": b"last"}
DATA = CheckOptions(read=Everything())


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def repo(store: MemoryStore) -> Repository:
    repo = make_repo(store)
    save(repo, TREE)
    return repo


def checked(store: MemoryStore, options: CheckOptions | None = None) -> CheckResult:
    return check(open_repository(store, "correct horse"), options)


def harmed(result: CheckResult) -> list[bytes]:
    return [path for fault in result.faults for one in fault.harm.newest for path in one.paths]


def only_pack(repo: Repository, data: bytes = BIG) -> ObjectName:
    return object_of(pack_of(repo, blob_id(data)))


def index_names(store: MemoryStore) -> list[ObjectName]:
    return [name for name, _ in store.scan(Kind.INDEX)]


@pytest.mark.parametrize("options", [CheckOptions(), DATA])
@pytest.mark.parametrize("version", [1, 2])
def test_a_sound_repository_has_no_faults(version: int, options: CheckOptions) -> None:
    store = MemoryStore()
    repo = make_repo(store, version=version)
    save(repo, TREE)
    save(repo, TREE | {b"more": b"of it"})

    result = checked(store, options)

    assert result.is_sound
    assert result.faults == ()
    assert result.hints == ()
    assert (result.snapshots, result.packs) == (2, 4)


def test_an_empty_repository_is_sound(store: MemoryStore) -> None:
    make_repo(store)

    assert checked(store, DATA).is_sound


def test_a_missing_pack_names_the_files_it_held(repo: Repository, store: MemoryStore) -> None:
    store.delete(only_pack(repo))

    result = checked(store)

    assert [fault.kind for fault in result.faults] == [FaultKind.PACK]
    assert "missing" in result.faults[0].message
    assert harmed(result) == [b"/home/a", b"/home/b/big", b"/z"]
    assert result.broken_packs == (pack_of(repo, blob_id(BIG)),)


def test_a_truncated_pack_is_found_without_reading_data(
    repo: Repository, store: MemoryStore
) -> None:
    name = only_pack(repo)
    replace(store, name, store.get(name)[:-1])

    result = checked(store)

    assert result.fault_count == 1
    assert "bytes, not the" in result.faults[0].message
    assert harmed(result) == []  # nothing but its header was hit


def test_a_flipped_bit_costs_one_blob(repo: Repository, store: MemoryStore) -> None:
    place = repo.index.places(BlobType.DATA, blob_id(BIG))[0]
    flip(store, object_of(place.pack), place.blob.offset + 20)

    assert checked(store).is_sound
    result = checked(store, DATA)

    assert result.fault_count == 1
    assert blob_id(BIG).hex() in result.faults[0].message
    assert "SHA-256" in result.faults[0].message
    assert harmed(result) == [b"/home/b/big"]


@pytest.mark.parametrize("at", [-1, -3, -40])
def test_a_damaged_header_costs_no_blob(repo: Repository, store: MemoryStore, at: int) -> None:
    flip(store, only_pack(repo), at)

    result = checked(store, DATA)

    assert result.fault_count == 1
    assert "header" in result.faults[0].message
    assert harmed(result) == []


def test_a_second_copy_saves_a_blob(repo: Repository, store: MemoryStore) -> None:
    first = only_pack(repo)
    fresh = open_repository(store, "correct horse")  # knows of nothing, so stores it all again
    save(fresh, TREE)
    store.delete(first)

    result = checked(store)

    assert result.fault_count == 1
    assert harmed(result) == []


def test_a_damaged_tree_costs_its_directory(repo: Repository, store: MemoryStore) -> None:
    (root,) = [repo.snapshots.load(name).tree for name in repo.snapshots.ids()]
    home = BlobId(bytes.fromhex(repo.load_tree(root)[0].subtree))
    place = repo.index.places(BlobType.TREE, home)[0]
    flip(store, object_of(place.pack), place.blob.offset + 20)

    result = checked(store)

    assert [fault.kind for fault in result.faults] == [FaultKind.TREE]
    assert harmed(result) == [b"/home"]
    assert result.broken_packs == (place.pack,)


def test_a_blob_that_is_nowhere_is_told_with_its_files(
    repo: Repository, store: MemoryStore
) -> None:
    lost = blob_id(b"never stored").hex()
    save(repo, {b"f": File((b"here",), fields={"content": [blob_id(b"here").hex(), lost]})})

    result = checked(store)

    assert [fault.where for fault in result.faults] == [f"data blob {lost}"]
    assert harmed(result) == [b"/f"]


@pytest.mark.usefixtures("repo")
def test_a_lost_index_is_told_and_its_packs_looked_into(store: MemoryStore) -> None:
    for name in index_names(store):
        store.delete(name)

    result = checked(store)

    assert {fault.kind for fault in result.faults} == {FaultKind.INDEX}
    assert result.needs_index
    assert "no index names this pack" in result.faults[0].message


@pytest.mark.parametrize("damage", [b"", b"x", b"x" * 200])
@pytest.mark.usefixtures("repo")
def test_the_check_goes_on_after_a_damaged_index(store: MemoryStore, damage: bytes) -> None:
    replace(store, index_names(store)[0], damage)
    save(make_other(store), {b"other": b"snapshot"})

    result = checked(store, DATA)

    assert [fault.kind for fault in result.faults] == [FaultKind.INDEX]
    assert result.trees == 4
    assert result.needs_index


def make_other(store: MemoryStore) -> Repository:
    return open_repository(store, "correct horse")


def test_a_damaged_snapshot_does_not_hide_the_others(repo: Repository, store: MemoryStore) -> None:
    bad = save(repo, {b"x": b"y"})
    flip(store, ObjectName(Kind.SNAPSHOT, bad.id.hex()), 30)
    store.delete(only_pack(repo))

    result = checked(store)

    assert {fault.kind for fault in result.faults} == {FaultKind.SNAPSHOT, FaultKind.PACK}
    assert result.snapshots == 1


@pytest.mark.usefixtures("repo")
def test_a_key_that_opens_nothing_is_a_fault(store: MemoryStore) -> None:
    store.put(ObjectName(Kind.KEY, "ab" * 32), b"{}")

    result = checked(store)

    assert [(fault.kind, fault.where) for fault in result.faults] == [
        (FaultKind.KEY, "keys/" + "ab" * 32)
    ]


def test_so_is_one_of_an_unknown_derivation(repo: Repository, store: MemoryStore) -> None:
    (name,) = objects(store, Kind.KEY)
    data = store.get(name).replace(b'"scrypt"', b'"argon9"')
    other = ObjectName(Kind.KEY, sha256(data).hexdigest())
    store.put(other, data)

    result = checked(store)

    assert [(fault.kind, fault.where) for fault in result.faults] == [(FaultKind.KEY, str(other))]
    assert other.id not in {slot.id for slot in repo.key_slots()}


def test_a_pack_nobody_needs_is_a_hint(repo: Repository, store: MemoryStore) -> None:
    before = set(index_names(store))
    store_blobs(repo, b"interrupted")
    for name in set(index_names(store)) - before:
        store.delete(name)

    result = checked(store, DATA)

    assert result.is_sound
    assert result.needs_prune
    assert "1 packs" in result.hints[0]


class _Growing(MemoryStore):
    """Somebody stores a snapshot when packs are about to be listed."""

    is_awake = False

    def scan(self, kind: Kind) -> Iterator[tuple[ObjectName, int]]:
        if kind is Kind.PACK and self.is_awake:
            self.is_awake = False
            save(open_repository(self, "correct horse"), {b"new": b"snapshot"})
        return super().scan(kind)


def test_what_a_concurrent_snapshot_adds_is_no_fault() -> None:
    store = _Growing()
    save(make_repo(store), TREE)
    store.is_awake = True

    assert checked(store, DATA).is_sound
    assert not store.is_awake


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"content": None}, "no list of contents"),
        ({"type": "elephant"}, "type that is not known"),
        ({"type": "dir", "content": None}, "has no tree"),
        ({"mtime": "2026-02-30T00:00:00Z"}, "cannot be read"),
    ],
)
def test_impossible_entries_are_faults(
    store: MemoryStore, fields: dict[str, object], message: str
) -> None:
    save(make_repo(store), {b"f": File((b"x",), fields=fields)})

    result = checked(store)

    assert [fault.kind for fault in result.faults] == [FaultKind.TREE]
    assert message in result.faults[0].message
    assert result.faults[0].harm.snapshots == 1


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"/", b"nul\0"])
def test_impossible_names_are_faults(store: MemoryStore, name: bytes) -> None:
    save(make_repo(store), {name: b"x"})

    (fault,) = checked(store).faults

    assert "no file can have" in fault.message


def test_a_second_entry_of_a_name_is_a_fault(store: MemoryStore) -> None:
    repo = make_repo(store)
    nodes = [make_node(b"a", 0o644, content=[]), make_node(b"a", 0o644, content=[])]
    (tree,) = store_blobs(repo, encode({"nodes": nodes}) + b"\n", kind=BlobType.TREE)
    save(repo, {b"d": File(fields={"type": "dir", "content": None, "subtree": tree.hex()})})

    result = checked(store)

    assert ["another entry of the name" in fault.message for fault in result.faults] == [True]
    assert harmed(result) == [b"/d/a"]


def test_a_tree_that_does_not_parse_is_a_fault(repo: Repository, store: MemoryStore) -> None:
    (broken,) = store_blobs(repo, b'{"nodes": 7}', kind=BlobType.TREE)
    save(repo, {b"d": File(fields={"type": "dir", "content": None, "subtree": broken.hex()})})

    result = checked(store)

    assert [fault.where for fault in result.faults] == [f"tree {broken.hex()}"]
    assert harmed(result) == [b"/d"]


def test_harm_counts_all_and_shows_the_newest_few(store: MemoryStore) -> None:
    repo = make_repo(store)
    tree = {b"%03d" % number: b"shared" for number in range(50)}
    for day in range(1, 9):
        save(repo, {b"d": tree, b"day": b"%d" % day}, time=f"2026-01-0{day}T00:00:00Z")
    store.delete(object_of(pack_of(repo, blob_id(b"shared"))))

    (fault,) = checked(store).faults

    assert fault.harm.snapshots == 8
    assert [one.time[:10] for one in fault.harm.newest] == [f"2026-01-0{day}" for day in "87654"]
    assert fault.harm.newest[0].entries == 50
    assert len(fault.harm.newest[0].paths) == 5


def test_deep_trees_are_checked_without_recursion(store: MemoryStore) -> None:
    repo = make_repo(store)
    with repo.lock() as lock, repo.blob_writer(lock) as writer:
        nodes = encode_tree([])
        for _ in range(3000):
            subtree = writer.write(BlobType.TREE, nodes).id.hex()
            nodes = (
                b'{"nodes":[{"name":"d","type":"dir","mtime":"","atime":"","ctime":"","uid":0,'
                b'"gid":0,"content":null,"subtree":"%s"}]}\n' % subtree.encode()
            )
        (bottom,) = [writer.write(BlobType.TREE, nodes).id]
    saved = save(repo, {b"top": File(fields={"type": "dir", "subtree": bottom.hex()})})
    store.delete(object_of(pack_of(repo, saved.snapshot.tree, BlobType.TREE)))

    assert checked(store).fault_count >= 1


@pytest.mark.usefixtures("repo")
def test_a_repository_that_cannot_be_written_is_checked_without_a_lock(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    opened = open_repository(store, "correct horse", report=events.append)

    monkeypatch.setattr(store, "put", _refuse)
    result = check(opened, None, events.append)

    assert result.is_sound
    assert any(isinstance(event, Notice) for event in events)


def _refuse(name: ObjectName, _: bytes) -> None:
    raise AccessDenied(f"{name}: permission denied")


def test_faults_are_reported_as_they_are_found(repo: Repository, store: MemoryStore) -> None:
    events: list[Event] = []
    store.delete(only_pack(repo))

    result = check(open_repository(store, "correct horse"), None, events.append)

    problems = [event for event in events if isinstance(event, Problem)]
    assert [(event.path.decode(), event.message) for event in problems] == [
        (fault.where, fault.message) for fault in result.faults
    ]
