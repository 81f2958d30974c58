"""Count what a snapshot run did, in the terms of restic's summary."""

from dataclasses import dataclass, field

from bkp.events import Change
from bkp.formats.snapshot import Summary
from bkp.repo.writer import Written
from bkp.times import Zone, format_time, now

from .contents import Added


def _per_change() -> dict[Change, int]:
    return dict.fromkeys(Change, 0)


@dataclass(slots=True)
class Tally:
    """Running counts of one run, which begins when this is made."""

    zone: Zone
    begin: int = field(default_factory=now)  # ns
    files: dict[Change, int] = field(default_factory=_per_change)
    dirs: dict[Change, int] = field(default_factory=_per_change)
    data_blobs: int = 0
    tree_blobs: int = 0
    new_bytes: int = 0
    stored_bytes: int = 0
    total_files: int = 0
    total_bytes: int = 0

    def count_files(self, count: int, size: int, added: Added, change: Change) -> None:
        """Count files that are in the snapshot; restic counts no links, devices and so on."""
        self.files[change] += count
        self.data_blobs += added.new_blobs
        self.total_files += count
        self.total_bytes += size
        self.new_bytes += added.new_bytes
        self.stored_bytes += added.stored_bytes

    def count_directory(self, change: Change) -> None:
        """Count a directory that is in the snapshot; its tree is counted by itself."""
        self.dirs[change] += 1

    def count_tree(self, written: Written) -> None:
        """Count a tree; that of the root belongs to no directory."""
        self.tree_blobs += written.is_new
        self.new_bytes += written.new_bytes
        self.stored_bytes += written.stored_bytes

    @property
    def seconds(self) -> float:
        """How long the run has taken so far."""
        return (now() - self.begin) / 1e9

    def summary(self) -> Summary:
        """Return what restic records in a snapshot that ends now."""
        return Summary(
            backup_start=format_time(self.begin, self.zone),
            backup_end=format_time(now(), self.zone),
            files_new=self.files[Change.NEW],
            files_changed=self.files[Change.CHANGED],
            files_unmodified=self.files[Change.UNCHANGED],
            dirs_new=self.dirs[Change.NEW],
            dirs_changed=self.dirs[Change.CHANGED],
            dirs_unmodified=self.dirs[Change.UNCHANGED],
            data_blobs=self.data_blobs,
            tree_blobs=self.tree_blobs,
            data_added=self.new_bytes,
            data_added_packed=self.stored_bytes,
            total_files_processed=self.total_files,
            total_bytes_processed=self.total_bytes,
        )
