"""Snapshots in groups, and the newest of each."""

import pytest

from bkp.errors import UsageError
from bkp.formats.snapshot import Snapshot
from bkp.ids import BlobId, SnapshotId
from bkp.ops.grouping import GroupBy, GroupKey, grouped, newest_of_each
from bkp.repo.snapshots import SavedSnapshot


def taken(
    day: int, *, host: str = "h", paths: tuple[str, ...] = ("/p",), tags: tuple[str, ...] = ()
) -> SavedSnapshot:
    time = f"2026-01-{day:02}T00:00:00Z"
    snapshot = Snapshot(time=time, tree=BlobId(bytes(32)), paths=paths, hostname=host, tags=tags)
    return SavedSnapshot(SnapshotId(bytes([day]) * 32), snapshot)


ONE = taken(1, paths=("/b", "/a"))
TWO = taken(2, paths=("/a", "/b"), tags=("t",))
THREE = taken(3, host="other")
FOUR = taken(4, paths=("/a", "/b"))


def test_groups_are_by_host_and_paths() -> None:
    assert grouped([ONE, TWO, THREE], GroupBy()) == {
        GroupKey("h", ("/a", "/b")): [ONE, TWO],
        GroupKey("other", ("/p",)): [THREE],
    }


def test_groups_can_be_by_anything_or_nothing() -> None:
    assert list(grouped([ONE, TWO, THREE], GroupBy.parse(""))) == [GroupKey()]
    assert len(grouped([ONE, TWO, THREE], GroupBy.parse("tags"))) == 2
    with pytest.raises(UsageError, match="group by"):
        GroupBy.parse("colour")


def test_the_newest_of_each_group_are_given_oldest_first() -> None:
    snapshots = [ONE, TWO, THREE, FOUR]

    assert newest_of_each(snapshots, GroupBy(), 1) == [THREE, FOUR]
    assert newest_of_each(snapshots, GroupBy(), 2) == [TWO, THREE, FOUR]
    assert newest_of_each(snapshots, GroupBy.parse("host,tags"), 1) == [TWO, THREE, FOUR]
    assert newest_of_each(snapshots, GroupBy.parse(""), 9) == snapshots
