"""What `bkp snapshot` shows while it runs and when it is done."""

import threading
from contextlib import ExitStack

from bkp.events import (
    BytesRead,
    Change,
    EntryExcluded,
    EntrySaved,
    Event,
    FileFinished,
    FilesSaved,
    FileStarted,
    Notice,
    Problem,
    Scanned,
)
from bkp.formats.snapshot import Summary
from bkp.ops.backup.run import BackupResult

from . import exits
from .drawing import progress
from .options import Settings
from .output import (
    duration_text,
    is_terminal,
    json_line,
    line,
    notice,
    path_text,
    problem,
    safe,
    size_text,
)
from .status import Status, shown_files

_ACTIONS = {Change.NEW: "new", Change.CHANGED: "modified", Change.UNCHANGED: "unchanged"}


class SnapshotReport:
    """Takes the events of a snapshot run; a context manager around it."""

    def __init__(self, settings: Settings, *, dry_run: bool) -> None:
        self._settings = settings
        self._dry_run = dry_run
        self._status = Status()
        self._lock = threading.Lock()
        self._drawing = ExitStack()

    @property
    def wants_totals(self) -> bool:
        """Whether anybody sees how much is left, so that counting ahead is worth it."""
        return not self._settings.quiet and (self._settings.json or is_terminal())

    @property
    def wants_entries(self) -> bool:
        """Whether each entry is printed."""
        return self._settings.verbose >= 2 or (self._settings.json and self._settings.verbose > 0)

    def __enter__(self) -> "SnapshotReport":
        self._drawing.enter_context(
            progress(self._settings, self._status, "saving", self._print_status)
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
            case BytesRead(count):
                status.bytes_done += count
            case FileStarted(source):
                status.current[source] = None
            case FileFinished(source):
                status.current.pop(source, None)
            case FilesSaved(count):
                status.files_done += count
            case EntrySaved():
                self._print_saved(event)
            case Scanned():
                status.total_files, status.total_bytes = event.files, event.bytes
                status.is_total_known = event.is_finished
            case Problem(during, path, message):
                # A damaged old snapshot makes this one no less complete.
                status.errors += during != "snapshots"
                problem(self._settings, during, path_text(path), message)
            case Notice(message):
                notice(self._settings, message)
            case EntryExcluded(path):
                self._print_excluded(path)
            case _:
                pass

    def _print_saved(self, event: EntrySaved) -> None:
        if not self.wants_entries:
            return
        if self._settings.json:
            json_line(_verbose_status(event))
        else:
            added = f", {size_text(event.data_bytes)} added" if event.data_bytes else ""
            line(f"{_ACTIONS[event.change]:<9}  {safe(path_text(event.path))}{added}")

    def _print_excluded(self, path: bytes) -> None:
        if self._settings.verbose < 2:
            return
        if self._settings.json:
            json_line({"message_type": "excluded_item", "item": path_text(path)})
        else:
            line(f"excluded   {safe(path_text(path))}")

    def _print_status(self) -> None:
        with self._lock:
            json_line(_status_json(self._status))

    def exit_code(self) -> int:
        """Return the exit code of a run that made its snapshot."""
        return exits.INCOMPLETE if self._status.errors else exits.OK

    def summarize(self, result: BackupResult) -> None:
        """Print what became of the run."""
        summary = result.snapshot.summary
        if summary is None:
            return
        if self._settings.json:
            json_line(_summary_json(result, summary, dry_run=self._dry_run))
            return
        if self._settings.quiet:
            return
        for text in _summary_lines(summary, result.seconds, dry_run=self._dry_run):
            line(text)
        if self._dry_run:
            line("dry run: nothing was stored")
        elif result.saved is None:
            line("nothing has changed since the parent snapshot; no snapshot was made")
        else:
            line(f"snapshot {result.saved.id.hex()[:8]} saved")
        if self._status.errors:
            line(f"{self._status.errors} problems: what they name is not in the snapshot")


def _status_json(status: Status) -> dict[str, object]:
    left = status.seconds_left()
    fields: dict[str, object] = {
        "seconds_elapsed": int(status.seconds()),
        "seconds_remaining": int(left or 0),
        "percent_done": status.fraction(),
        "total_files": status.total_files,
        "files_done": status.files_done,
        "total_bytes": status.total_bytes,
        "bytes_done": status.bytes_done,
        "error_count": status.errors,
        "current_files": [path_text(path) for path in shown_files(status)],
    }
    shown = {key: value for key, value in fields.items() if value or key == "percent_done"}
    return {"message_type": "status"} | shown


def _verbose_status(event: EntrySaved) -> dict[str, object]:
    is_dir = event.type == "dir"
    return {
        "message_type": "verbose_status",
        "action": _ACTIONS[event.change],
        "item": path_text(event.path) + ("/" if is_dir else ""),
        "duration": 0,
        "data_size": 0 if is_dir else event.data_bytes,
        "data_size_in_repo": 0 if is_dir else event.stored_bytes,
        "metadata_size": event.data_bytes if is_dir else 0,
        "metadata_size_in_repo": event.stored_bytes if is_dir else 0,
        "total_files": 0,
    }


def _summary_json(result: BackupResult, summary: Summary, *, dry_run: bool) -> dict[str, object]:
    fields: dict[str, object] = {
        "message_type": "summary",
        "files_new": summary.files_new,
        "files_changed": summary.files_changed,
        "files_unmodified": summary.files_unmodified,
        "dirs_new": summary.dirs_new,
        "dirs_changed": summary.dirs_changed,
        "dirs_unmodified": summary.dirs_unmodified,
        "data_blobs": summary.data_blobs,
        "tree_blobs": summary.tree_blobs,
        "data_added": summary.data_added,
        "data_added_packed": summary.data_added_packed,
        "total_files_processed": summary.total_files_processed,
        "total_bytes_processed": summary.total_bytes_processed,
        "total_duration": result.seconds,
        "backup_start": summary.backup_start,
        "backup_end": summary.backup_end,
    }
    if dry_run:
        fields["dry_run"] = True
    elif result.saved is not None:
        fields["snapshot_id"] = result.saved.id.hex()
    return fields


def _summary_lines(summary: Summary, seconds: float, *, dry_run: bool) -> list[str]:
    added = "would be added" if dry_run else "added"
    return [
        f"files: {summary.files_new} new, {summary.files_changed} changed, "
        f"{summary.files_unmodified} unchanged",
        f"directories: {summary.dirs_new} new, {summary.dirs_changed} changed, "
        f"{summary.dirs_unmodified} unchanged",
        f"{added} to the repository: {size_text(summary.data_added)} "
        f"({size_text(summary.data_added_packed)} stored)",
        f"processed {summary.total_files_processed} files, "
        f"{size_text(summary.total_bytes_processed)} in {duration_text(seconds)}",
    ]
