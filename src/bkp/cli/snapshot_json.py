"""A snapshot as restic prints it in JSON."""

from bkp.formats.gojson import decode
from bkp.formats.snapshot import encode_snapshot
from bkp.repo.snapshots import SavedSnapshot


def snapshot_json(saved: SavedSnapshot) -> dict[str, object]:
    """Return the stored fields of a snapshot, with its id."""
    fields = decode(encode_snapshot(saved.snapshot), dict[str, object])
    return fields | {"id": saved.id.hex(), "short_id": saved.id.hex()[:8]}
