"""Instants as nanoseconds since the epoch, and as the text restic stores.

The text is RFC 3339 as Go's RFC3339Nano writes it: the wall clock of a zone,
no trailing zeros in the fraction, `Z` for offset zero, other offsets cut to
whole minutes although the clock was shifted by the seconds too.  It is part
of a tree's bytes and so of its identity; that is why the rules for finding
the local zone are Go's as well, not those of the C library.

Safe to use from several threads.  Does not know what an instant is for.
"""

import os
import re
import struct
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_SECOND = 1_000_000_000  # ns
_DAY = 86_400
_ERA = 146_097 * _DAY  # seconds in 400 years, after which the calendar repeats

# The seconds ZoneInfo is asked about: years 2 to 9998, a day or more away from datetime's ends.
_FIRST_SECOND = -62_104_060_800
_LAST_SECOND = 253_370_764_800

_BLOCK = 3600  # seconds; the unit in which offsets are cached

# Where Go looks for a zone by name, in this order.
_ZONE_DIRECTORIES = (
    "/usr/share/zoneinfo",
    "/usr/share/lib/zoneinfo",
    "/usr/lib/locale/TZ",
    "/etc/zoneinfo",
)

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d(?::\d\d)?)", re.ASCII
)


class Zone:
    """Offsets from UTC at every instant.

    Hashable; two zones are equal only if they are the same object.
    """

    __slots__ = ("_rules", "name")

    def __init__(self, name: str, rules: ZoneInfo | None = None) -> None:
        """Make a zone that follows `rules`; without any it is UTC."""
        self.name = name
        self._rules = rules

    def __repr__(self) -> str:
        return f"Zone({self.name!r})"

    def offset(self, second: int) -> int:
        """Return the seconds east of UTC at a second since the epoch, however remote."""
        if self._rules is None:
            return 0
        offset = _block_offset(self._rules, second // _BLOCK)
        return _offset(self._rules, second) if offset is None else offset


UTC = Zone("UTC")


def _offset(rules: ZoneInfo, second: int) -> int:
    if second < _FIRST_SECOND:
        second = _FIRST_SECOND  # nobody had changed a clock yet
    elif second > _LAST_SECOND:
        second = _LAST_SECOND - (_LAST_SECOND - second) % _ERA
    offset = datetime.fromtimestamp(second, rules).utcoffset()
    return 0 if offset is None else offset // timedelta(seconds=1)


@lru_cache(maxsize=4096)
def _block_offset(rules: ZoneInfo, block: int) -> int | None:
    """Offset throughout a block of seconds, None if it changes within."""
    offset = _offset(rules, block * _BLOCK)
    return offset if offset == _offset(rules, block * _BLOCK + _BLOCK - 1) else None


def local_zone() -> Zone:
    """Return the zone of this process by Go's rules.

    Without `TZ` it is what /etc/localtime says.  `TZ` is the name of a zone or
    an absolute path, with or without a leading colon; a POSIX description such
    as `CET-1CEST` is not understood.  Anything unusable means UTC.
    """
    name = os.environ.get("TZ")
    if name is None:
        return _load("Local", ["/etc/localtime"])
    name = name.removeprefix(":")
    if name in {"", "UTC"}:
        return UTC
    if name.startswith("/"):
        return _load(name, [name])
    return _load(name, [f"{directory}/{name}" for directory in _ZONE_DIRECTORIES])


def _load(name: str, paths: list[str]) -> Zone:
    for path in paths:
        try:
            with open(path, "rb") as file:
                return Zone(name, ZoneInfo.from_file(file))
        except (OSError, ValueError, IndexError, struct.error):
            continue  # no such file, or not one that describes a zone
    return UTC


def now() -> int:
    """Return the present instant."""
    return time.time_ns()


def format_time(ns: int, zone: Zone) -> str:
    """Write an instant as restic stores it.

    A year before 0 becomes 0 and one after 9999 becomes 9999, as in restic;
    everything between is exact.
    """
    second, fraction = divmod(ns, _SECOND)
    clock, suffix = _format_second(second, zone)
    if fraction:
        return f"{clock}.{fraction:09}".rstrip("0") + suffix
    return clock + suffix


@lru_cache(maxsize=8192)  # files come in bursts: most share their second with a neighbour
def _format_second(second: int, zone: Zone) -> tuple[str, str]:
    """Text of a second, before and after the place of its fraction."""
    offset = zone.offset(second)
    day, clock = divmod(second + offset, _DAY)
    year, month, day_of_month = _civil(day)
    if not 0 <= year <= 9999:
        return _format_second(_clamped(second, zone), zone)
    minutes, seconds = divmod(clock, 60)
    return (
        f"{year:04}-{month:02}-{day_of_month:02}T{minutes // 60:02}:{minutes % 60:02}:{seconds:02}",
        _format_offset(offset),
    )


def _format_offset(offset: int) -> str:
    if offset == 0:
        return "Z"
    minutes = abs(offset) // 60
    sign = "-" if offset <= -60 else "+"  # Go looks at the sign after cutting to minutes
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}"


def _clamped(second: int, zone: Zone) -> int:
    """Move a second of a year that has no four digits to the nearest that has."""
    day, clock = divmod(second + zone.offset(second), _DAY)
    year, month, day_of_month = _civil(day)
    wall = _days(0 if year < 0 else 9999, month, day_of_month) * _DAY + clock
    return wall - zone.offset(wall - zone.offset(wall))


def _civil(day: int) -> tuple[int, int, int]:
    """Year, month and day of month of a day since the epoch, in any era.

    The year is taken to begin in March, so that the leap day is its last.
    """
    era, day_of_era = divmod(day + 719_468, 146_097)  # days from 0000-03-01 to the epoch
    year = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)
    month = (5 * day_of_year + 2) // 153
    day_of_month = day_of_year - (153 * month + 2) // 5 + 1
    year += 400 * era
    return (year, month + 3, day_of_month) if month < 10 else (year + 1, month - 9, day_of_month)


def _days(year: int, month: int, day_of_month: int) -> int:
    """Day since the epoch; a day past the end of the month runs into the next."""
    if month <= 2:
        year -= 1
        month += 12
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * (month - 3) + 2) // 5 + day_of_month - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - 719_468


def parse_time(text: str) -> int:
    """Read an RFC 3339 time with any offset; digits below the nanosecond are dropped.

    Raises ValueError if it is no time.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"not a time: {text[:80]!r}")
    clock, fraction, offset = match.groups()
    second = _parse_clock(clock) - _parse_offset(offset)
    return second * _SECOND + (int(f"{fraction:0<9.9}") if fraction else 0)


def zone_of(text: str, local: Zone) -> Callable[[int], int]:
    """Return offsets (seconds east of UTC, at a second) of the zone in which a time was written.

    As Go takes it: UTC for `Z`, the local zone if that had this offset at the
    time, and otherwise one that always has it.  `text` is an RFC 3339 time.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"not a time: {text[:80]!r}")
    offset = _parse_offset(match[3])
    if match[3] != "Z" and local.offset(parse_time(text) // _SECOND) == offset:
        return local.offset
    return lambda _: offset


def earlier(
    ns: int,
    offset_at: Callable[[int], int],
    *,
    years: int = 0,
    months: int = 0,
    days: int = 0,
    hours: int = 0,
) -> int:
    """Return the instant (ns) so much earlier by the calendar of a zone, then by hours.

    A day that the month does not have runs into the next, and where clocks are
    changed it is decided, as by Go's AddDate and Date.
    """
    second, fraction = divmod(ns, _SECOND)
    day, clock = divmod(second + offset_at(second), _DAY)
    year, month, day_of_month = _civil(day)
    month_number = 12 * (year - years) + month - 1 - months
    first = _days(month_number // 12, month_number % 12 + 1, 1)
    wall = (first + day_of_month - 1 - days) * _DAY + clock
    guess = wall - offset_at(wall)
    return (wall - offset_at(guess) - 3600 * hours) * _SECOND + fraction


@lru_cache(maxsize=8192)
def _parse_clock(text: str) -> int:
    """Second since the epoch if the clock showed UTC."""
    date = (int(text[:4]), int(text[5:7]), int(text[8:10]))
    day = _days(*date)
    hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:19])
    if not 1 <= date[1] <= 12 or _civil(day) != date or hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"no such time: {text}")
    return day * _DAY + hour * 3600 + minute * 60 + second


@lru_cache(maxsize=512)
def _parse_offset(text: str) -> int:
    """Seconds east of UTC."""
    if text == "Z":
        return 0
    hours, minutes, seconds = int(text[1:3]), int(text[4:6]), int(text[7:9] or 0)
    if minutes > 59 or seconds > 59:
        raise ValueError(f"no such offset: {text}")
    east = hours * 3600 + minutes * 60 + seconds
    return -east if text[0] == "-" else east
