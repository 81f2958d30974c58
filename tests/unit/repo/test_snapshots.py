"""Finding snapshots by the names people give them."""

import pytest

from bkp.errors import UsageError
from bkp.events import Event, Problem
from bkp.formats.snapshot import Snapshot
from bkp.ids import blob_id
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot, Snapshots
from bkp.store.base import Kind
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
