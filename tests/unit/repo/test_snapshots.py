"""Finding snapshots by the names people give them."""

import pytest

from bkp.errors import IntegrityError, UsageError
from bkp.events import Event, Problem
from bkp.formats.snapshot import Snapshot
from bkp.ids import blob_id
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot, Snapshots
from bkp.store.base import Kind, ObjectName
from bkp.store.memory import MemoryStore
from repos import make_repo
from stores import objects, replace


def save(repo: Repository, time: str, host: str = "here") -> SavedSnapshot:
    return repo.snapshots.save(Snapshot(time=time, tree=blob_id(b""), paths=("/x",), hostname=host))


def test_they_are_listed_by_time_whatever_their_zone() -> None:
    repo = make_repo(MemoryStore())
    late = save(repo, "2026-01-01T12:00:00Z")
    early = save(repo, "2026-01-01T12:30:00+01:00")

    assert repo.snapshots.load_all() == [early, late]


def test_latest_counts_back_among_those_that_match() -> None:
    repo = make_repo(MemoryStore())
    first = save(repo, "2026-01-01T00:00:00Z")
    second = save(repo, "2026-01-02T00:00:00Z")
    save(repo, "2026-01-03T00:00:00Z", host="elsewhere")

    def is_here(snapshot: Snapshot) -> bool:
        return snapshot.hostname == "here"

    assert repo.snapshots.find("latest", is_here) == second
    assert repo.snapshots.find("latest~1", is_here) == first
    with pytest.raises(UsageError, match="only 2"):
        repo.snapshots.find("latest~2", is_here)


def test_a_unique_prefix_is_enough_and_an_ambiguous_one_is_not() -> None:
    repo = make_repo(MemoryStore())
    ids = {save(repo, f"2026-01-01T00:00:{n:02}Z").id.hex() for n in range(17)}
    firsts = [name[0] for name in ids]
    shared = next(digit for digit in firsts if firsts.count(digit) > 1)
    some = next(iter(ids))

    assert repo.snapshots.find(some).id.hex() == some
    assert repo.snapshots.find(some[:12]).id.hex() == some
    with pytest.raises(UsageError, match="ambiguous"):
        repo.snapshots.find(shared)


@pytest.mark.parametrize("name", ["", "xyz", "latest~", "latest~-1", "latest~9999999999", "a" * 65])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        make_repo(MemoryStore()).snapshots.find(name)


def test_a_damaged_snapshot_does_not_hide_the_others() -> None:
    store = MemoryStore()
    repo = make_repo(store)
    damaged = save(repo, "2026-01-01T00:00:00Z")
    intact = save(repo, "2026-01-02T00:00:00Z")
    name = next(n for n in objects(store, Kind.SNAPSHOT) if n.id == damaged.id.hex())
    replace(store, name, store.get(name)[:-1])
    told: list[Event] = []

    assert Snapshots(store, repo.envelope, told.append).load_all() == [intact]
    (problem,) = told
    assert isinstance(problem, Problem)
    assert damaged.id.hex().encode() in problem.path


def damage(store: MemoryStore, saved: SavedSnapshot) -> None:
    name = ObjectName(Kind.SNAPSHOT, saved.id.hex())
    replace(store, name, store.get(name)[:-1])


def test_the_latest_is_not_guessed_by_who_changes_it() -> None:
    """It may be the one that is damaged, and to forget another would be a loss."""
    store = MemoryStore()
    repo = make_repo(store)
    older = save(repo, "2026-01-01T00:00:00Z")
    damaged = save(repo, "2026-01-02T00:00:00Z")
    damage(store, damaged)
    told: list[Event] = []
    snapshots = Snapshots(store, repo.envelope, told.append)

    assert snapshots.find("latest") == older
    assert len(told) == 1
    with pytest.raises(IntegrityError, match=f"--forget {damaged.id.hex()[:8]}"):
        snapshots.find("latest", to_change=True)
    with pytest.raises(IntegrityError, match="cannot be known"):
        snapshots.find_each(["latest"], lambda _: True, to_change=True)
    assert snapshots.find(older.id.hex(), to_change=True) == older


def test_of_several_that_are_named_a_damaged_one_is_left_out() -> None:
    store = MemoryStore()
    repo = make_repo(store)
    saved = [save(repo, f"2026-01-0{n}T00:00:00Z") for n in (1, 2, 3)]
    damage(store, saved[1])
    told: list[Event] = []
    snapshots = Snapshots(store, repo.envelope, told.append)
    names = [one.id.hex() for one in saved]

    assert snapshots.find_each(names, lambda _: True) == [saved[0], saved[2]]
    assert [event.path.decode() for event in told if isinstance(event, Problem)] == [
        f"snapshots/{names[1]}"
    ]


class _Flipping(MemoryStore):
    """Flips a bit in the first answer to each read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: set[ObjectName] = set()

    def get(self, name: ObjectName, start: int = 0, length: int | None = None) -> bytes:
        data = super().get(name, start, length)
        if name.kind is not Kind.SNAPSHOT or name in self.read:
            return data
        self.read.add(name)
        return data[:-1] + bytes([data[-1] ^ 1])


def test_a_bit_that_flips_on_the_way_is_no_damage() -> None:
    repo = make_repo(_Flipping())
    saved = save(repo, "2026-01-01T00:00:00Z")

    assert repo.snapshots.load(saved.id) == saved.snapshot
