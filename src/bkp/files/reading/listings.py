"""What is in directories, listed some directories ahead of the walk.

One question to the system for each directory would mean to give up the GIL
and wait for it again each time, which in a busy program takes ten times as
long as the answer.  So directories that lie side by side are listed together,
and their entries looked at.
"""

import os
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from bkp.files.reach import LONGEST, reach
from bkp.files.status import AnyStatus, Statuses, list_directories

_DIRECTORIES = 64  # listed together
_LOOKED_AT = 4096  # entries in all of them together, which takes a MB of memory
_FRESH_SECONDS = 0.25  # what was seen longer ago is looked at again
_LONGEST_NAME = 255  # bytes


class Listing(NamedTuple):
    """A directory: its status, the sorted names in it, and what was seen of the first of these."""

    status: AnyStatus
    names: list[bytes]
    seen: Statuses


class ListingsAhead:
    """Lists directories of one directory, which are asked for in the order of `names`.

    With `look` their entries are looked at too.
    """

    def __init__(self, source: bytes, names: Sequence[bytes], *, look: bool) -> None:
        """Take the path of the directory, with a slash at its end, and names in it."""
        self._source = source
        self._left = deque(names)
        self._most = _LOOKED_AT if look else 0
        self._listed: dict[bytes, Listing | OSError] = {}
        self._time = 0.0

    def take(self, name: bytes) -> Listing:
        """Return what is in a directory; raises OSError if it cannot be listed."""
        if name not in self._listed or time.monotonic() > self._time + _FRESH_SECONDS:
            self._list_from(name)
        listing = self._listed.pop(name)
        if isinstance(listing, OSError):
            raise listing
        return listing

    def _list_from(self, name: bytes) -> None:
        while self._left and self._left[0] != name:
            self._left.popleft()
        together = [name, *list(self._left)[1:_DIRECTORIES]]
        self._time = time.monotonic()
        self._listed = dict(zip(together, self._list_each(together), strict=True))

    def _list_each(self, names: list[bytes]) -> list[Listing | OSError]:
        if len(self._source) > LONGEST - 2 * _LONGEST_NAME:
            return [_list_far(self._source + name) for name in names]
        paths = [self._source + name + b"/" for name in names]
        found = list_directories(paths, self._most)
        return [_listing(path, found) for path, found in zip(paths, found, strict=True)]


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
