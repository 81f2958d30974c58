"""Lengths of time as people write them."""

import re

from bkp.errors import UsageError

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d+(?:\.\d*)?)(h|ms|m|s)")
_DURATION = re.compile(f"(?:{_PART.pattern})+")


def seconds_of(text: str) -> float:
    """Read `5m`, `1h30m` or `45s`, as Go writes them; raises UsageError."""
    if not _DURATION.fullmatch(text):
        raise UsageError(f"{text!r} is no length of time; write 5m, 1h30m or 45s")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
