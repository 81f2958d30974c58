"""What a `forget` decided, as tables or as JSON."""

from collections.abc import Sequence

from bkp.ops.forget.policy import Kept, Policy
from bkp.ops.forget.run import Group
from bkp.repo.snapshots import SavedSnapshot

from .output import line, safe
from .snapshot_cells import HEADS, cells_of
from .snapshot_json import snapshot_json
from .tables import print_table


def print_groups(groups: Sequence[Group], policy: Policy, *, compact: bool) -> None:
    """Print for each group which snapshots are kept, and why, and which are not."""
    if groups:
        line(f"rules: {policy}")
    for group in groups:
        line("")
        if str(group.key):
            line(f"snapshots of {safe(str(group.key))}")
        keep, remove = group.decision
        if keep:
            line(f"keep {len(keep)}:")
            print_table(_heads(compact, "Reasons"), [_kept_row(kept, compact) for kept in keep])
        if remove:
            line(f"remove {len(remove)}:")
            print_table(_heads(compact), [_cells(saved, compact) for saved in remove])
    if groups:
        line("")


def _heads(compact: bool, *more: str) -> list[str]:
    return [*HEADS, *more] if compact else [*HEADS, *more, "Paths"]


def _kept_row(kept: Kept, compact: bool) -> list[list[str]]:
    cells = _cells(kept.saved, compact)
    return [*cells[:4], kept.reasons, *cells[4:]]


def _cells(saved: SavedSnapshot, compact: bool) -> list[list[str]]:
    cells = cells_of(saved)
    return cells if compact else [*cells, list(saved.snapshot.paths)]


def groups_json(groups: Sequence[Group]) -> list[dict[str, object]]:
    """Return the decisions in restic's shape."""
    return [
        {
            "tags": list(group.key.tags) or None,
            "host": group.key.host,
            "paths": list(group.key.paths) or None,
            "keep": [snapshot_json(kept.saved) for kept in group.decision.keep] or None,
            "remove": [snapshot_json(saved) for saved in group.decision.remove] or None,
            "reasons": [
                {"snapshot": snapshot_json(kept.saved), "matches": kept.reasons}
                for kept in group.decision.keep
            ]
            or None,
        }
        for group in groups
    ]
