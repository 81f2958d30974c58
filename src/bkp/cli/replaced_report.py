"""What became of snapshots that a command changed, for people and for programs."""

from collections.abc import Iterable

from bkp.ops.edit.replacing import Replaced

from .options import Settings
from .output import json_line, line


def report_replaced(settings: Settings, replaced: Iterable[Replaced], *, dry_run: bool) -> None:
    """Print each as it comes, and then how many they were; JSON in restic's shape."""
    count = 0
    for old, new in replaced:
        count += 1
        if settings.json:
            ids = {"old_snapshot_id": old.id.hex(), "new_snapshot_id": new and new.id.hex()}
            json_line({"message_type": "changed", **ids})
        elif not settings.quiet:
            line(_sentence(old.id.hex()[:8], new and new.id.hex()[:8], dry_run=dry_run))
    if settings.json:
        json_line({"message_type": "summary", "changed_snapshots": count})
    elif not settings.quiet:
        line(f"{'would change' if dry_run else 'changed'} {count} snapshots")


def _sentence(old: str, new: str | None, *, dry_run: bool) -> str:
    if new is not None:
        return f"snapshot {old} became {new}"
    return f"snapshot {old} would be changed" if dry_run else f"snapshot {old} is gone"
