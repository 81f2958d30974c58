"""What is in directories, listed some directories ahead of the walk.

One question to the system for each directory would mean to give up the GIL
and wait for it again each time, which in a busy program takes ten times as
long as the answer.  So directories that lie side by side are listed together,
and their entries looked at.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bkp.files.reach import LONGEST, reach
from bkp.files.status import AnyStatus, Statuses, list_directories
from bkp.workers import Aside

_DIRECTORIES = 64  # listed together
_WAITED_FOR = 8  # of these at first, before there is anything to do meanwhile
_LOOKED_AT = 4096  # entries in all of them together, which takes a MB of memory
_FRESH_SECONDS = 0.25  # what was seen longer ago is looked at again
_LONGEST_NAME = 255  # bytes


class Listing(NamedTuple):
    """A directory: its status, the sorted names in it, and what was seen of the first of these."""

    status: AnyStatus
    names: list[bytes]
    seen: Statuses


class _Listed(NamedTuple):
    time: float
    found: dict[bytes, Listing | OSError]

    def has(self, name: bytes) -> bool:
        return name in self.found and time.monotonic() <= self.time + _FRESH_SECONDS


class ListingsAhead:
    """Lists directories of one directory, which are asked for in the order of `names`.

    With `look` their entries are looked at too.  While some are walked, the
    next are listed in another thread.
    """

    def __init__(self, aside: Aside, source: bytes, names: Sequence[bytes], *, look: bool) -> None:
        """Take the path of the directory, with a slash at its end, and names in it."""
        self._aside = aside
        self._source = source
        self._left = deque(names)
        self._most = _LOOKED_AT if look else 0
        self._listed = _Listed(0.0, {})
        self._next: Callable[[], _Listed] | None = None

    def take(self, name: bytes) -> Listing:
        """Return what is in a directory; raises OSError if it cannot be listed."""
        if self._next is not None and name not in self._listed.found:
            self._listed, self._next = self._next(), None
            self._begin_next()
        if not self._listed.has(name):
            self._list_from(name)
        listing = self._listed.found.pop(name)
        if isinstance(listing, OSError):
            raise listing
        return listing

    def _list_from(self, name: bytes) -> None:
        """List a directory that must be waited for, and a few after it."""
        while self._left and self._left[0] != name:
            self._left.popleft()
        if self._left:
            self._left.popleft()
        self._listed = self._list_each([name, *self._some(_WAITED_FOR - 1)])
        self._begin_next()

    def _begin_next(self) -> None:
        if names := self._some(_DIRECTORIES):
            self._next = self._aside.begin(lambda: self._list_each(names))

    def _some(self, count: int) -> list[bytes]:
        return [self._left.popleft() for _ in range(min(count, len(self._left)))]

    def _list_each(self, names: list[bytes]) -> _Listed:
        now = time.monotonic()
        if len(self._source) > LONGEST - 2 * _LONGEST_NAME:
            return _Listed(now, {name: _list_far(self._source + name) for name in names})
        paths = [self._source + name + b"/" for name in names]
        listings = map(_listing, paths, list_directories(paths, self._most))
        return _Listed(now, dict(zip(names, listings, strict=True)))


def _listing(
    path: bytes, found: tuple[AnyStatus, list[bytes], Statuses] | int
) -> Listing | OSError:
    return OSError(found, os.strerror(found), path) if isinstance(found, int) else Listing(*found)


def _list_far(path: bytes) -> Listing | OSError:
    """List a directory whose path is too long for the system; nothing in it is looked at."""
    try:
        with reach(path) as short:
            return _listing(path, list_directories([short + b"/"], 0)[0])
    except OSError as error:
        return error
