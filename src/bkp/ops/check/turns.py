"""In which order packs are read: those that were bad, then never verified ones, then the oldest.

However little time each run has, everything has its turn after enough of them.
"""

import random
import threading
from collections.abc import Iterable
from heapq import heappop, heappush

from bkp.ids import PackId
from bkp.repo.verified_packs import VerifiedPacks

_BAD, _NEVER, _SOUND = range(3)


class Turns:
    """Packs that wait to be read; safe to use from several threads."""

    def __init__(self, verified: VerifiedPacks) -> None:
        self._verified = verified
        self._waiting: list[tuple[int, int, PackId]] = []
        self._lock = threading.Lock()
        self.count = 0  # of those that ever waited

    def add(self, packs: Iterable[PackId]) -> None:
        """Let packs wait for their turn."""
        with self._lock:
            for pack in packs:
                heappush(self._waiting, (*self._rank(pack), pack))
                self.count += 1

    def take(self) -> PackId | None:
        """Return the pack whose turn it is; None if none waits."""
        with self._lock:
            return heappop(self._waiting)[-1] if self._waiting else None

    def _rank(self, pack: PackId) -> tuple[int, int]:
        last = self._verified.last(pack)
        if last is None:
            # By lot: where nothing is remembered, it would be the same ones in every run.
            return _NEVER, random.getrandbits(64)
        return (_SOUND if last.is_sound else _BAD), last.time_ns
