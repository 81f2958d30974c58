import pytest

from bkp.errors import UsageError
from bkp.events import Event, Problem
from bkp.ops.locate import Operand, absolute, find_place, parse_operand
from bkp.ops.walktree import walk
from bkp.store.memory import MemoryStore
from memoryrepo import MemoryRepository, Spec, store
from packed import save
from repos import make_repo

TREE: dict[bytes, Spec] = {b"a": b"1", b"d": {b"e": {b"f": b"2"}, b"g": b"3"}, b"z": b"4"}


def paths(repository: MemoryRepository, **options: object) -> list[bytes]:
    found = walk(repository, store(repository, TREE), fail, **options)  # type: ignore[arg-type]
    return [path for path, _ in found]


def fail(event: Event) -> None:
    raise AssertionError(event)


def test_directories_come_before_what_is_in_them() -> None:
    expected = [b"/a", b"/d", b"/d/e", b"/d/e/f", b"/d/g", b"/z"]

    assert paths(MemoryRepository()) == expected


def test_what_is_not_entered_is_still_yielded() -> None:
    assert paths(MemoryRepository(), enters=lambda _: False) == [b"/a", b"/d", b"/z"]


def test_paths_begin_where_the_tree_is() -> None:
    assert paths(MemoryRepository(), under=b"/x/y")[:2] == [b"/x/y/a", b"/x/y/d"]


def test_a_damaged_directory_is_reported_and_the_walk_goes_on() -> None:
    repository = MemoryRepository()
    root = store(repository, TREE)
    repository.damaged.add(bytes.fromhex(repository.trees[root][1].subtree))  # type: ignore[arg-type]
    events: list[Event] = []

    found = [path for path, _ in walk(repository, root, events.append)]

    assert found == [b"/a", b"/d", b"/z"]
    assert [type(event) for event in events] == [Problem]


def test_depth_does_not_matter() -> None:
    repository = MemoryRepository()
    tree = store(repository, {})
    for _ in range(5000):
        tree = repository.add_tree(
            store_directory(repository, tree.hex())  # type: ignore[arg-type]
        )

    *_, (last, _) = walk(repository, tree, fail)

    assert last == b"/d" * 5000


def store_directory(repository: MemoryRepository, subtree: str) -> list[object]:
    node = repository.trees[store(repository, {b"d": {}})][0]
    node.subtree = subtree
    return [node]


@pytest.mark.parametrize(
    ("text", "snapshot", "path"),
    [
        ("latest", "latest", b"/"),
        ("latest~2:/a/b", "latest~2", b"/a/b"),
        ("ab:a//b/", "ab", b"/a/b"),
        ("ab:", "ab", b"/"),
        ("ab:/x:y", "ab", b"/x:y"),
        ("ab:../../x", "ab", b"/x"),
    ],
)
def test_operands(text: str, snapshot: str, path: bytes) -> None:
    assert parse_operand(text) == Operand(snapshot, path)


def test_absolute_knows_no_second_root() -> None:
    assert absolute(b"//a") == absolute(b"a") == b"/a"


def test_places_are_found_or_their_lack_is_named() -> None:
    repo = make_repo(MemoryStore())
    saved = save(repo, TREE)

    place = find_place(repo, Operand("latest", b"/d/e"))
    assert (place.saved, place.path, place.is_directory) == (saved, b"/d/e", True)
    assert [node.name for node in repo.load_tree(place.tree)] == [b"f"]
    root = find_place(repo, Operand("latest"))
    assert (root.tree, root.node) == (saved.snapshot.tree, None)
    file = find_place(repo, Operand("latest", b"/d/g"))
    assert not file.is_directory
    with pytest.raises(UsageError, match="not a directory"):
        _ = file.tree
    with pytest.raises(UsageError, match=r"/d/nope is not in snapshot .*: there is no nope in /d"):
        find_place(repo, Operand("latest", b"/d/nope"))
    with pytest.raises(UsageError, match="there is no below in /d/g"):
        find_place(repo, Operand("latest", b"/d/g/below"))
