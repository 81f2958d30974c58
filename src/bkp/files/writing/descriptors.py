"""A bounded set of open descriptors, the least recently used closed first.

Not safe for several threads: whoever owns one guards it with a lock of its
own.  Does not know what the descriptors are of.
"""

import os
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class DescriptorCache(Generic[K]):
    """Keeps at most `limit` descriptors open, more only while more are pinned.

    `lost` has what the system said of those it closed by itself: for a file,
    that what was written to it may not be there.
    """

    def __init__(self, limit: int) -> None:
        self.lost: dict[K, OSError] = {}
        self._limit = limit
        self._open: OrderedDict[K, int] = OrderedDict()
        self._pins: dict[K, int] = {}

    def __len__(self) -> int:
        return len(self._open)

    def get(self, key: K) -> int | None:
        """Return the descriptor of `key` if it is open; makes it the most recently used."""
        fd = self._open.get(key)
        if fd is not None:
            self._open.move_to_end(key)
        return fd

    def put(self, key: K, fd: int) -> None:
        """Keep `fd`, closing the least recently used one that nobody has pinned."""
        self._open[key] = fd
        if len(self._open) > self._limit:
            oldest = next((old for old in self._open if old not in self._pins), key)
            if oldest != key:
                try:
                    os.close(self._open.pop(oldest))
                except OSError as error:  # which is not about `key`
                    self.lost[oldest] = error

    def pin(self, key: K) -> None:
        """Keep the descriptor of `key` open until as many `unpin` as `pin` were called."""
        self._pins[key] = self._pins.get(key, 0) + 1

    def unpin(self, key: K) -> None:
        """Take back one `pin`."""
        left = self._pins[key] - 1
        if left:
            self._pins[key] = left
        else:
            del self._pins[key]

    def drop(self, key: K) -> None:
        """Close the descriptor of `key` if there is one; it must not be pinned."""
        fd = self._open.pop(key, None)
        if fd is not None:
            os.close(fd)

    def close(self) -> None:
        """Close everything."""
        while self._open:
            os.close(self._open.popitem()[1])
