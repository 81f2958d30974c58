import pytest

from bkp.errors import UsageError
from bkp.ops.edit.tagging import TagChange, change_tags
from bkp.repo import locking
from bkp.repo.repository import Repository
from bkp.store.memory import MemoryStore
from packed import save
from repos import make_repo


@pytest.fixture
def repo(monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr(locking, "_SETTLE_SECONDS", 0)
    return make_repo(MemoryStore())


def retag(repo: Repository, change: TagChange) -> int:
    with repo.lock() as lock:
        return len(list(change_tags(repo, lock, repo.snapshots.load_all(), change)))


def tags(repo: Repository) -> list[tuple[str, ...]]:
    return [saved.snapshot.tags for saved in repo.snapshots.load_all()]


@pytest.mark.parametrize(
    ("change", "after"),
    [
        (TagChange(add=("c", "a", "c")), ("a", "b", "c")),
        (TagChange(remove=("a", "x")), ("b",)),
        (TagChange(add=("c",), remove=("a", "c")), ("b",)),
        (TagChange(instead=("y", "x")), ("y", "x")),
        (TagChange(instead=()), ()),
    ],
)
def test_tags_are_added_removed_and_replaced(change: TagChange, after: tuple[str, ...]) -> None:
    assert change.applied(("a", "b")) == after


@pytest.mark.parametrize("asked", [{}, {"instead": (), "add": ("a",)}])
def test_what_makes_no_sense_is_refused(asked: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(UsageError):
        TagChange(**asked)


def test_the_first_of_a_line_stays_known_as_the_original(repo: Repository) -> None:
    first = save(repo, {b"a": b"a"})

    assert retag(repo, TagChange(add=("one",))) == 1
    assert retag(repo, TagChange(add=("two",))) == 1

    (changed,) = repo.snapshots.load_all()
    assert changed.snapshot.tags == ("one", "two")
    assert changed.snapshot.original == first.id
    assert changed.snapshot.tree == first.snapshot.tree


def test_a_snapshot_that_has_the_tags_already_is_left_alone(repo: Repository) -> None:
    save(repo, {b"a": b"a"})
    retag(repo, TagChange(add=("one",)))
    (before,) = repo.snapshots.ids()

    assert retag(repo, TagChange(add=("one",), remove=("other",))) == 0

    assert repo.snapshots.ids() == [before]
