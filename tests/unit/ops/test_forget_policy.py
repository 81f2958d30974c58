"""Which snapshots a policy keeps; that restic decides alike is shown in interop."""

from datetime import UTC as PYTHON_UTC
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bkp.errors import UsageError
from bkp.formats.snapshot import Snapshot
from bkp.ids import BlobId, SnapshotId
from bkp.ops.forget.policy import UNLIMITED, Period, Policy, decide
from bkp.ops.forget.run import ForgetOptions, plan
from bkp.ops.select import SnapshotFilter
from bkp.repo.snapshots import SavedSnapshot
from bkp.times import UTC, Zone, earlier, parse_time, zone_of

NOW = parse_time("2030-01-01T00:00:00Z")


def taken(
    time: str, *, tags: tuple[str, ...] = (), host: str = "h", paths: tuple[str, ...] = ("/p",)
) -> SavedSnapshot:
    snapshot = Snapshot(time=time, tree=BlobId(bytes(32)), paths=paths, hostname=host, tags=tags)
    return SavedSnapshot(SnapshotId(time.encode().ljust(32, b"\0")[:32]), snapshot)


DAILY = [taken(f"2026-01-{day:02}T12:00:00Z") for day in range(1, 32)]
HOURLY = [taken(f"2026-01-01T{hour:02}:00:00Z") for hour in range(24)]


def days_kept(policy: Policy, snapshots: list[SavedSnapshot] = DAILY) -> list[str]:
    decision = decide(snapshots, policy, NOW, UTC)
    assert len(decision.keep) + len(decision.remove) == len(snapshots)
    return [kept.saved.snapshot.time[8:13] for kept in decision.keep]


def test_the_newest_are_kept() -> None:
    assert days_kept(Policy(last=3)) == ["31T12", "30T12", "29T12"]


def test_the_newest_of_each_stretch_is_kept() -> None:
    assert days_kept(Policy(daily=2), HOURLY + DAILY[1:3]) == ["03T12", "02T12"]
    assert days_kept(Policy(weekly=2)) == ["31T12", "25T12"]
    assert days_kept(Policy(hourly=2), HOURLY) == ["01T23", "01T22"]


def test_the_oldest_is_kept_while_a_rule_has_some_left() -> None:
    decision = decide(DAILY, Policy(yearly=2), NOW, UTC)
    assert [kept.reasons for kept in decision.keep] == [
        ["yearly snapshot"],
        ["oldest yearly snapshot"],
    ]
    assert days_kept(Policy(yearly=1)) == ["31T12"]


def test_unlimited_keeps_the_newest_of_every_stretch() -> None:
    assert len(days_kept(Policy(weekly=UNLIMITED))) == 6  # and the oldest
    assert len(days_kept(Policy(last=UNLIMITED))) == 31


def test_a_period_counts_from_the_newest_that_is_not_in_the_future() -> None:
    later = taken("2031-05-05T00:00:00Z")
    assert days_kept(Policy(within=Period(days=2)), [*DAILY, later]) == ["05T00", "31T12", "30T12"]
    assert days_kept(Policy(within_daily=Period(hours=25)), HOURLY) == ["01T23", "01T00"]


def test_in_the_future_everything_is_within_any_period() -> None:
    ahead = [taken("2031-05-05T00:00:00Z"), taken("2031-05-06T00:00:00Z")]
    assert len(days_kept(Policy(within=Period(hours=1)), ahead)) == 2


def test_tags_keep_what_has_all_of_one_list() -> None:
    found = [
        taken("2026-01-01T00:00:00Z", tags=("a", "b")),
        taken("2026-01-02T00:00:00Z", tags=("a",)),
        taken("2026-01-03T00:00:00Z"),
    ]
    assert days_kept(Policy(tag_lists=(("a", "b"),)), found) == ["01T00"]
    assert days_kept(Policy(tag_lists=(("a",),)), found) == ["02T00", "01T00"]
    assert days_kept(Policy(tag_lists=(("",),)), found) == ["03T00"]


COUNTS = st.sampled_from([UNLIMITED, 0, 1, 2, 5])


@given(
    st.lists(st.integers(0, 400 * 24), unique=True, max_size=60),
    st.builds(Policy, last=COUNTS, hourly=COUNTS, daily=COUNTS, weekly=COUNTS, monthly=COUNTS),
)
def test_more_is_never_removed_than_left_by_a_weaker_policy(
    hours: list[int], policy: Policy
) -> None:
    """What any single rule keeps is kept by all of them together."""
    begin = datetime(2026, 1, 1, tzinfo=PYTHON_UTC)
    times = [(begin + timedelta(hours=n)).strftime("%Y-%m-%dT%H:%M:%SZ") for n in hours]
    snapshots = [taken(time) for time in times]
    kept = [one.saved.snapshot.time for one in decide(snapshots, policy, NOW, UTC).keep]
    assert all(newer > older for newer, older in pairwise(kept))
    for name in ("last", "hourly", "daily", "weekly", "monthly"):
        alone = Policy(**{name: getattr(policy, name)})
        only = {one.saved.snapshot.time for one in decide(snapshots, alone, NOW, UTC).keep}
        assert only <= set(kept)


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("1y5m7d2h", Period(1, 5, 7, 2)),
        ("30d", Period(days=30)),
        ("2h1y", Period(years=1, hours=2)),
    ],
)
def test_a_period_is_read_and_written(text: str, period: Period) -> None:
    assert Period.parse(text) == period
    assert Period.parse(str(period)) == period


@pytest.mark.parametrize("text", ["5", "-1d", "1w", "d", "1d2", "1 d", "1.5d"])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no period"):
        Period.parse(text)


BERLIN = Zone("Europe/Berlin", ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("text", "back", "expected"),
    [
        ("2026-03-31T12:00:00Z", {"months": 1}, "2026-03-03T12:00:00Z"),  # there is no 31 February
        ("2024-02-29T00:00:00Z", {"years": 1}, "2023-03-01T00:00:00Z"),
        ("2026-01-15T00:00:00Z", {"days": 20}, "2025-12-26T00:00:00Z"),
        ("2026-01-15T00:00:00Z", {"hours": 25}, "2026-01-13T23:00:00Z"),
        ("2026-04-01T12:00:00+02:00", {"months": 1}, "2026-03-01T12:00:00+01:00"),
        ("2026-03-30T02:30:00+02:00", {"days": 1}, "2026-03-29T03:30:00+02:00"),  # there is no 2:30
        ("2026-04-01T12:00:00+03:00", {"months": 1}, "2026-03-01T12:00:00+03:00"),  # of elsewhere
    ],
)
def test_going_back_by_the_calendar(text: str, back: dict[str, int], expected: str) -> None:
    assert earlier(parse_time(text), zone_of(text, BERLIN), **back) == parse_time(expected)


def test_a_policy_that_keeps_nothing_is_refused() -> None:
    found = [taken("2026-01-01T00:00:00Z"), taken("2026-01-02T00:00:00Z", host="other")]
    with pytest.raises(UsageError, match="nothing says"):
        plan(found, ForgetOptions(policy=Policy()), NOW, UTC)
    with pytest.raises(UsageError, match="no snapshot of host h"):
        plan(found, ForgetOptions(policy=Policy(tag_lists=(("t",),))), NOW, UTC)
    with pytest.raises(UsageError, match="needs --host"):
        plan(found, ForgetOptions(policy=Policy(), allow_remove_all=True), NOW, UTC)


def test_everything_of_a_host_can_be_removed_if_asked_for() -> None:
    found = [taken("2026-01-01T00:00:00Z"), taken("2026-01-02T00:00:00Z", host="other")]
    options = ForgetOptions(
        policy=Policy(), allow_remove_all=True, wanted=SnapshotFilter(hosts=("other",))
    )
    (group,) = plan(found, options, NOW, UTC)
    assert group.decision.remove == [found[1]]


def test_a_policy_is_told_in_words() -> None:
    assert str(Policy(last=3, daily=UNLIMITED)) == "keep 3 latest, all daily snapshots"
    assert (
        str(Policy(yearly=1, within=Period(months=2), tag_lists=(("a", "b"),)))
        == "keep 1 yearly snapshots and all snapshots with tags [[a, b]] "
        "and all snapshots within 2m of the newest"
    )
