"""Counting what a restore does, and telling it: by numbers, and each entry if asked to.

Safe to use from several threads.  Problems that every entry is likely to
have, such as an owner that only root could set, are told once for each kind.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from bkp.events import (
    BytesRestored,
    EntriesRestored,
    EntryRestored,
    Problem,
    Reporter,
    RestorePlanned,
)
from bkp.files.writing.apply import Attribute, Shortfall
from bkp.files.writing.contents import TargetFile

from .options import RestoreStats


@dataclass(slots=True)
class _Kind:
    """Shortfalls of one kind: how many entries, the first of them, and its reason."""

    path: bytes
    reason: str
    entries: int = 0


class Tally:
    """The counters of one restore and the way to its reporter."""

    def __init__(self, report: Reporter, *, list_entries: bool) -> None:
        self._report = report
        self._list_entries = list_entries
        self._lock = threading.Lock()
        self._kinds: dict[Attribute, _Kind] = {}
        self._announced = RestorePlanned(0, 0)
        self._total_files = 0
        self._files_restored = 0
        self._files_skipped = 0
        self._files_deleted = 0
        self._total_bytes = 0
        self._bytes_restored = 0
        self._bytes_skipped = 0
        self._problems = 0

    def plan(self, count: int = 1, size: int = 0) -> None:
        """Count entries that are going to be restored, with so many bytes of contents."""
        with self._lock:
            self._total_files += count
            self._total_bytes += size

    def announce(self) -> None:
        """Tell what is planned so far, if that is more than was told."""
        with self._lock:
            planned = RestorePlanned(self._total_files, self._total_bytes)
            is_new = planned != self._announced
            self._announced = planned
        if is_new:
            self._report(planned)

    def wrote(self, count: int) -> None:
        """Count bytes that are in their place now."""
        with self._lock:
            self._bytes_restored += count
        self._report(BytesRestored(count))

    def restored(self, path: bytes, size: int = 0, *, action: str = "restored") -> None:
        """Count a planned entry as done."""
        with self._lock:
            self._files_restored += 1
        self._report(EntriesRestored(1))
        self._tell(path, action, size)

    def made(self, files: Sequence[TargetFile]) -> None:
        """Count planned files as done, with all of their contents."""
        size = sum(file.size for file in files)
        with self._lock:
            self._bytes_restored += size
            self._files_restored += len(files)
        self._report(BytesRestored(size))
        self._report(EntriesRestored(len(files)))
        if self._list_entries:
            for file in files:
                self._report(EntryRestored(file.path, "restored", file.size))

    def skipped(self, path: bytes, size: int = 0) -> None:
        """Count an entry that is right already or may not be replaced."""
        with self._lock:
            self._files_skipped += 1
            self._bytes_skipped += size
        self._tell(path, "unchanged", size)

    def deleted(self, path: bytes) -> None:
        """Count an entry that was removed because the snapshot does not have it."""
        with self._lock:
            self._files_deleted += 1
        self._tell(path, "deleted", 0)

    def _tell(self, path: bytes, action: str, size: int) -> None:
        if self._list_entries:
            self._report(EntryRestored(path, action, size))

    def problem(self, path: bytes, message: str) -> None:
        """Tell that an entry is not restored as it should be."""
        with self._lock:
            self._problems += 1
        self._report(Problem("restore", path, message))

    def shortfalls(self, path: bytes, shortfalls: list[Shortfall]) -> None:
        """Note attributes that an entry was not given, to be told at the end."""
        if not shortfalls:
            return
        with self._lock:
            for attribute, why in dict(shortfalls).items():
                self._kinds.setdefault(attribute, _Kind(path, why)).entries += 1

    def finish(self) -> RestoreStats:
        """Tell each kind of shortfall, and return the counts."""
        for attribute, kind in self._kinds.items():
            others = kind.entries - 1
            more = f", nor those of {others} more" if others else ""
            self.problem(kind.path, f"cannot restore its {attribute.value}{more}: {kind.reason}")
        return RestoreStats(
            total_files=self._total_files,
            files_restored=self._files_restored,
            files_skipped=self._files_skipped,
            files_deleted=self._files_deleted,
            total_bytes=self._total_bytes,
            bytes_restored=self._bytes_restored,
            bytes_skipped=self._bytes_skipped,
            problems=self._problems,
        )
