"""What `bkp restore` shows while it runs and when it is done."""

import threading
from contextlib import ExitStack

from bkp.events import (
    BytesRestored,
    EntriesRestored,
    EntryRestored,
    Event,
    Notice,
    Problem,
    RestorePlanned,
)
from bkp.ops.restore.options import RestoreStats

from . import exits
from .drawing import progress
from .options import Settings
from .output import (
    duration_text,
    json_line,
    line,
    notice,
    path_text,
    problem,
    safe,
    size_text,
)
from .status import Status


class RestoreReport:
    """Takes the events of a restore; a context manager around it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._status = Status(is_total_known=True)
        self._lock = threading.Lock()
        self._drawing = ExitStack()

    @property
    def wants_entries(self) -> bool:
        """Whether each entry is printed."""
        return self._settings.verbose >= 2 or (self._settings.json and self._settings.verbose > 0)

    def __enter__(self) -> "RestoreReport":
        self._drawing.enter_context(
            progress(self._settings, self._status, "restoring", self._print_status)
        )
        return self

    def __exit__(self, *exc: object) -> None:
        self._drawing.close()

    def __call__(self, event: Event) -> None:
        """Take an event, from any thread."""
        with self._lock:
            self._take(event)

    def _take(self, event: Event) -> None:
        status = self._status
        match event:
            case BytesRestored(count):
                status.bytes_done += count
            case RestorePlanned(files, size):
                status.total_files, status.total_bytes = files, size
            case EntriesRestored(count):
                status.files_done += count
            case EntryRestored():
                self._print_entry(event)
            case Problem(during, path, message):
                status.errors += 1
                problem(self._settings, during, path_text(path), message)
            case Notice(message):
                notice(self._settings, message)
            case _:
                pass

    def _print_entry(self, event: EntryRestored) -> None:
        if not self.wants_entries:
            return
        if self._settings.json:
            json_line(
                {
                    "message_type": "verbose_status",
                    "action": event.action,
                    "item": path_text(event.path),
                    "size": event.size,
                }
            )
        else:
            line(f"{event.action:<9}  {safe(path_text(event.path))}")

    def _print_status(self) -> None:
        status = self._status
        with self._lock:
            json_line(
                {
                    "message_type": "status",
                    "seconds_elapsed": int(status.seconds()),
                    "percent_done": status.fraction(),
                    "total_files": status.total_files,
                    "files_restored": status.files_done,
                    "total_bytes": status.total_bytes,
                    "bytes_restored": status.bytes_done,
                }
            )

    def exit_code(self, stats: RestoreStats) -> int:
        """Return the exit code of a restore that came to its end."""
        return exits.INCOMPLETE if stats.problems or self._status.errors else exits.OK

    def summarize(self, stats: RestoreStats, *, dry_run: bool) -> None:
        """Print what the restore did."""
        if self._settings.json:
            json_line(
                {
                    "message_type": "summary",
                    "seconds_elapsed": int(self._status.seconds()),
                    "total_files": stats.total_files,
                    "files_restored": stats.files_restored,
                    "files_skipped": stats.files_skipped,
                    "files_deleted": stats.files_deleted,
                    "total_bytes": stats.total_bytes,
                    "bytes_restored": stats.bytes_restored,
                    "bytes_skipped": stats.bytes_skipped,
                }
            )
            return
        if self._settings.quiet:
            return
        verb = "would restore" if dry_run else "restored"
        line(
            f"{verb} {stats.files_restored} entries, {size_text(stats.bytes_restored)}, "
            f"in {duration_text(self._status.seconds())}"
        )
        if stats.files_skipped:
            size = size_text(stats.bytes_skipped)
            line(f"left as they were: {stats.files_skipped} entries, {size}")
        if stats.files_deleted:
            line(f"{'would delete' if dry_run else 'deleted'} {stats.files_deleted} entries")
        if stats.problems:
            line(f"{stats.problems} problems: the restore is incomplete")
