"""Which snapshots a command is about."""

import pytest

from bkp.errors import UsageError
from bkp.formats.snapshot import Snapshot
from bkp.ids import blob_id
from bkp.ops.select import SnapshotFilter, chosen
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.store.memory import MemoryStore
from repos import make_repo

HERE = SnapshotFilter(hosts=["here"])


@pytest.fixture
def repo() -> Repository:
    return make_repo(MemoryStore())


@pytest.fixture
def three(repo: Repository) -> list[SavedSnapshot]:
    hosts = enumerate(["here", "here", "elsewhere"], 1)
    return [
        repo.snapshots.save(
            Snapshot(
                time=f"2026-01-{day:02}T00:00:00Z", tree=blob_id(b""), paths=("/",), hostname=host
            )
        )
        for day, host in hosts
    ]


def test_without_names_it_is_about_all_that_fit(
    repo: Repository, three: list[SavedSnapshot]
) -> None:
    assert chosen(repo.snapshots, [], SnapshotFilter()) == three
    assert chosen(repo.snapshots, [], HERE) == three[:2]


def test_named_ones_come_oldest_first_and_each_once(
    repo: Repository, three: list[SavedSnapshot]
) -> None:
    newest, oldest = three[2].id.hex(), three[0].id.hex()

    assert chosen(repo.snapshots, [newest, oldest, newest], SnapshotFilter()) == [
        three[0],
        three[2],
    ]


def test_the_latest_is_that_of_those_that_fit(repo: Repository, three: list[SavedSnapshot]) -> None:
    assert chosen(repo.snapshots, ["latest", three[1].id.hex()], HERE) == [three[1]]
    assert chosen(repo.snapshots, [three[2].id.hex()], HERE) == [three[2]]
    with pytest.raises(UsageError):
        chosen(repo.snapshots, ["ffffffff"], HERE)
