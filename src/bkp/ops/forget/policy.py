"""Decide which snapshots to keep: pure, and as restic decides.

Snapshots of one group are looked at from the newest to the oldest.  Each rule
counts down: it keeps the newest of each hour, day, week, month or year by the
clock that wrote the snapshot, until it has kept as many as it may; the oldest
of all is kept by every rule that may still keep some.  A snapshot that any
rule keeps is kept.

Source: restic's `forget`, whose decisions and reasons these are.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from bkp.errors import UsageError
from bkp.formats.snapshot import Snapshot
from bkp.repo.snapshots import SavedSnapshot
from bkp.times import Zone, earlier, zone_of

UNLIMITED = -1

_PERIOD_PART = re.compile(r"(\d{1,6})([ymdh])")


class Period(NamedTuple):
    """A length of time by the calendar."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Read `1y5m7d2h`; raises UsageError."""
        parts = _PERIOD_PART.findall(text)
        if "".join(number + unit for number, unit in parts) != text:
            raise UsageError(f"{text!r} is no period; write 2y, 6m, 30d, 12h or 1y6m")
        units = {unit: int(number) for number, unit in parts}
        return cls(*(units.get(unit, 0) for unit in "ymdh"))

    def __str__(self) -> str:
        return "".join(f"{n}{unit}" for n, unit in zip(self, "ymdh", strict=True) if n)


_NEVER = Period()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How many snapshots to keep of each kind; UNLIMITED keeps all of them.

    Periods count back from the newest snapshot that is not in the future.  A
    snapshot that has all tags of one of the lists is kept; the empty tag
    stands for having none.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: Period = _NEVER
    within_hourly: Period = _NEVER
    within_daily: Period = _NEVER
    within_weekly: Period = _NEVER
    within_monthly: Period = _NEVER
    within_yearly: Period = _NEVER
    tag_lists: Sequence[Sequence[str]] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it keeps nothing."""
        return self == Policy()

    def __str__(self) -> str:
        counts = [(self.last, "latest"), *((getattr(self, name), name) for name in _CALENDAR)]
        parts = [f"{'all' if n == UNLIMITED else n} {name}" for n, name in counts if n]
        text = ", ".join(parts) + " snapshots" if parts else ""
        periods = [(getattr(self, f"within_{name}"), name) for name in _CALENDAR]
        more = [f"{name} snapshots within {period}" for period, name in periods if any(period)]
        text = ", ".join([text, *more] if text else more)
        if self.tag_lists:
            lists = ", ".join(map(_listed, self.tag_lists))
            text = f"{text} and " * bool(text) + f"all snapshots with tags [{lists}]"
        if any(self.within):
            text = f"{text} and " * bool(text) + f"all snapshots within {self.within} of the newest"
        return f"keep {text}" if text else "remove"


class Kept(NamedTuple):
    """A snapshot that is kept, and by which rules."""

    saved: SavedSnapshot
    reasons: list[str]


class Decision(NamedTuple):
    """What becomes of the snapshots of a group, each list from the newest on."""

    keep: list[Kept]
    remove: list[SavedSnapshot]


@dataclass(slots=True)
class _Rule:
    """Keeps the newest of each stretch of time, `left` of them, as far back as `since` (ns)."""

    name: str
    stretch: Callable[[Snapshot, int], object]
    left: int
    since: int | None = None
    suffix: str = ""
    newest: object = field(default=None)

    def reason(self, snapshot: Snapshot, number: int, *, is_last: bool) -> str:
        """Say why it keeps a snapshot, or "" if it does not."""
        if not self.left or (self.since is not None and snapshot.time_ns <= self.since):
            return ""
        stretch = self.stretch(snapshot, number)
        is_same = stretch == self.newest
        if is_same and not is_last:
            return ""
        self.newest = stretch
        if self.left > 0:
            self.left -= 1
        return f"oldest {self.name}{self.suffix}" if is_same else f"{self.name}{self.suffix}"


def _week(snapshot: Snapshot, _: int) -> tuple[int, int]:
    year, month, day = map(int, snapshot.time[:10].split("-"))
    iso = date(year or 400, month, day).isocalendar()  # the calendar repeats after 400 years
    return (iso.year - (0 if year else 400), iso.week)


_CALENDAR: dict[str, Callable[[Snapshot, int], object]] = {
    "hourly": lambda snapshot, _: snapshot.time[:13],
    "daily": lambda snapshot, _: snapshot.time[:10],
    "weekly": _week,
    "monthly": lambda snapshot, _: snapshot.time[:7],
    "yearly": lambda snapshot, _: snapshot.time[:4],
}


def decide(
    snapshots: Sequence[SavedSnapshot], policy: Policy, now_ns: int, local: Zone
) -> Decision:
    """Apply a policy to the snapshots of one group."""
    ordered = sorted(snapshots, key=lambda saved: (-saved.snapshot.time_ns, saved.id))
    rules = _Rules(policy, [saved.snapshot for saved in ordered], now_ns, local)
    decision = Decision([], [])
    for number, saved in enumerate(ordered):
        reasons = list(rules.reasons(saved.snapshot, number, is_last=number == len(ordered) - 1))
        if reasons:
            decision.keep.append(Kept(saved, reasons))
        else:
            decision.remove.append(saved)
    return decision


class _Rules:
    """All rules of a policy, counting down."""

    def __init__(
        self, policy: Policy, newest_first: Sequence[Snapshot], now_ns: int, local: Zone
    ) -> None:
        past = [snapshot for snapshot in newest_first if snapshot.time_ns < now_ns]
        self._newest = past[0] if past else None
        self._local = local
        self._tag_lists = policy.tag_lists
        self._within = policy.within
        self._since = self._before_newest(policy.within)
        self._rules = [_Rule("last snapshot", lambda _, number: number, policy.last)]
        for name, stretch in _CALENDAR.items():
            self._rules.append(_Rule(f"{name} snapshot", stretch, getattr(policy, name)))
        for name, stretch in _CALENDAR.items():
            period: Period = getattr(policy, f"within_{name}")
            count = UNLIMITED if any(period) else 0
            since = self._before_newest(period)
            self._rules.append(_Rule(f"{name} within", stretch, count, since, f" {period}"))

    def _before_newest(self, period: Period) -> int | None:
        """Return the instant so long before the newest snapshot; None if there is none."""
        if self._newest is None:
            return None
        offset_at = zone_of(self._newest.time, self._local)
        return earlier(self._newest.time_ns, offset_at, **period._asdict())

    def reasons(self, snapshot: Snapshot, number: int, *, is_last: bool) -> Iterator[str]:
        """Yield why a snapshot is kept, if it is; to be asked once for each, from the newest on."""
        for tags in self._tag_lists:
            if _has(snapshot, tags):
                yield f"has tags {_listed(tags)}"
        if any(self._within) and (self._since is None or snapshot.time_ns > self._since):
            yield f"within {self._within}"
        for rule in self._rules:
            if reason := rule.reason(snapshot, number, is_last=is_last):
                yield reason


def _has(snapshot: Snapshot, tags: Sequence[str]) -> bool:
    return all(tag in snapshot.tags or (not tag and not snapshot.tags) for tag in tags)


def _listed(tags: Sequence[str]) -> str:
    return f"[{', '.join(tags)}]"
