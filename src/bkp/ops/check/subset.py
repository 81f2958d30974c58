"""Which packs a check reads: all, or a part that differs from run to run.

The forms are restic's: `n/t` is the n-th of t parts, so that t runs read
everything; `x%` is a random share; a size such as `5G` is random packs of
about that size together.
"""

import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bkp.errors import UsageError
from bkp.ids import PackId

_PART = re.compile(r"(\d+)/(\d+)", re.ASCII)
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%", re.ASCII)
_SIZE = re.compile(r"(\d+)([bkmgt]?)", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}

_MAX_PARTS = 256  # parts are told apart by the first byte of a pack's id


class Subset(Protocol):
    """A choice among the packs of a repository."""

    def choose(self, sizes: Mapping[PackId, int]) -> list[PackId]:
        """Return the packs to read, of all those there are with their sizes in bytes."""


@dataclass(frozen=True, slots=True)
class Everything:
    """All packs."""

    def choose(self, sizes: Mapping[PackId, int]) -> list[PackId]:
        """Return all packs."""
        return sorted(sizes)


@dataclass(frozen=True, slots=True)
class Part:
    """The `number`-th of `parts`, counted from 1."""

    number: int
    parts: int

    def choose(self, sizes: Mapping[PackId, int]) -> list[PackId]:
        """Return the packs of this part."""
        return sorted(pack for pack in sizes if pack[0] % self.parts == self.number - 1)


@dataclass(frozen=True, slots=True)
class Share:
    """A random share, 0 to 1."""

    share: float

    def choose(self, sizes: Mapping[PackId, int]) -> list[PackId]:
        """Return random packs, at least one if there are any."""
        return random.sample(sorted(sizes), math.ceil(len(sizes) * self.share))


@dataclass(frozen=True, slots=True)
class Amount:
    """So many bytes."""

    bytes: int

    def choose(self, sizes: Mapping[PackId, int]) -> list[PackId]:
        """Return random packs of this size together, or a little more."""
        chosen: list[PackId] = []
        left = self.bytes
        for pack in random.sample(sorted(sizes), len(sizes)):
            if left <= 0:
                break
            chosen.append(pack)
            left -= sizes[pack]
        return chosen


def parse_subset(text: str) -> Subset:
    """Read one of the three forms; raises UsageError for anything else."""
    if match := _PART.fullmatch(text):
        number, parts = int(match[1]), int(match[2])
        if not 1 <= number <= parts <= _MAX_PARTS:
            raise UsageError(f"{text}: of n/t, n is between 1 and t, and t at most {_MAX_PARTS}")
        return Part(number, parts)
    if match := _SHARE.fullmatch(text):
        share = float(match[1])
        if not 0 < share <= 100:
            raise UsageError(f"{text}: a share is more than 0% and at most 100%")
        return Share(share / 100)
    if match := _SIZE.fullmatch(text):
        size = int(match[1]) * _UNITS[match[2].lower()]
        if size == 0:
            raise UsageError(f"{text}: a size is at least one byte")
        return Amount(size)
    raise UsageError(f"{text!r} is none of n/t (2/5), a share (10%) or a size (500M)")
