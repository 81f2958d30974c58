import pytest

from bkp.errors import UsageError
from bkp.events import Event
from bkp.formats.snapshot import Snapshot
from bkp.ids import BlobId, SnapshotId
from bkp.ops.find.names import FindOptions, find
from bkp.repo.snapshots import SavedSnapshot
from memoryrepo import File, MemoryRepository, Spec, store

TREE: dict[bytes, Spec] = {
    b"home": {b"me": {b"Notes.TXT": b"1", b"notes.txt": b"2", b"d": {b"x": b"3"}}},
    b"var": {b"d": b"4"},
}


def saved(tree: BlobId, number: int = 0) -> SavedSnapshot:
    snapshot = Snapshot(time="2026-01-01T00:00:00Z", tree=tree, paths=("/",))
    return SavedSnapshot(SnapshotId(bytes([number]) * 32), snapshot)


def found(*patterns: bytes, ignore_case: bool = False) -> list[bytes]:
    repository = MemoryRepository()
    options = FindOptions(patterns=patterns, ignore_case=ignore_case)
    hits = list(find(repository, [saved(store(repository, TREE))], options))
    return [path for one in hits for path, _ in one.found]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (b"notes.txt", [b"/home/me/notes.txt"]),
        (b"*.txt", [b"/home/me/notes.txt"]),
        (b"d", [b"/home/me/d", b"/home/me/d/x", b"/var/d"]),
        (b"me/d", [b"/home/me/d", b"/home/me/d/x"]),
        (b"/var/*", [b"/var/d"]),
        (b"/d", []),
        (b"/home/**/x", [b"/home/me/d/x"]),
    ],
)
def test_patterns_match_as_excludes_do(pattern: bytes, expected: list[bytes]) -> None:
    assert found(pattern) == expected


def test_case_may_be_ignored() -> None:
    expected = [b"/home/me/Notes.TXT", b"/home/me/notes.txt"]

    assert found(b"NOTES.*", ignore_case=True) == expected


def test_any_of_several_patterns_is_enough() -> None:
    assert found(b"x", b"notes.txt") == [b"/home/me/d/x", b"/home/me/notes.txt"]


def test_a_bad_pattern_is_refused() -> None:
    with pytest.raises(UsageError):
        found(b"[")


def test_times_are_inclusive_bounds() -> None:
    repository = MemoryRepository()
    tree = store(repository, {b"f%d" % n: File(fields={"mtime_ns": n}) for n in range(5)})
    options = FindOptions(patterns=[b"f*"], oldest=1, newest=3)

    (hits,) = find(repository, [saved(tree)], options)

    assert [path for path, _ in hits.found] == [b"/f1", b"/f2", b"/f3"]


def test_snapshots_without_hits_are_left_out() -> None:
    repository = MemoryRepository()
    with_it, without = store(repository, TREE), store(repository, {b"a": b"b"})
    options = FindOptions(patterns=[b"x"])

    hits = list(find(repository, [saved(without, 1), saved(with_it, 2)], options))

    assert [one.saved.id[0] for one in hits] == [2]


def test_a_tree_without_hits_is_looked_into_once() -> None:
    repository = MemoryRepository()
    snapshots = [saved(store(repository, TREE))] * 5

    assert list(find(repository, snapshots, FindOptions(patterns=[b"nowhere"]))) == []
    assert len(repository.was_loaded) == len(set(repository.was_loaded))


def test_directories_above_no_match_are_not_entered() -> None:
    repository = MemoryRepository()
    tree = store(repository, TREE)

    list(find(repository, [saved(tree)], FindOptions(patterns=[b"/var/d"])))

    assert len(repository.was_loaded) == 2


def test_a_damaged_tree_is_reported_once_and_the_search_goes_on() -> None:
    repository = MemoryRepository()
    tree = store(repository, TREE)
    repository.damaged.add(BlobId(bytes.fromhex(repository.trees[tree][0].subtree)))
    events: list[Event] = []

    hits = list(find(repository, [saved(tree)] * 3, FindOptions(patterns=[b"d"]), events.append))

    assert [[path for path, _ in one.found] for one in hits] == [[b"/var/d"]] * 3
    assert len(events) == 1
