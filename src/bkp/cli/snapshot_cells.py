"""A snapshot as the first cells of a row, in every table of snapshots."""

from bkp.repo.snapshots import SavedSnapshot

from .output import local_time_text

HEADS = ["ID", "Time", "Host", "Tags"]


def cells_of(saved: SavedSnapshot) -> list[list[str]]:
    """Return a cell for each of HEADS."""
    snapshot = saved.snapshot
    return [
        [saved.id.hex()[:8]],
        [local_time_text(snapshot.time_ns)],
        [snapshot.hostname],
        list(snapshot.tags) or [""],
    ]
