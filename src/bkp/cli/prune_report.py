"""What a `prune` did, or would do, for people and for programs."""

from bkp.ops.prune.result import PruneResult

from .options import Settings
from .output import json_line, line, local_time_text, size_text


def report_prune(settings: Settings, result: PruneResult, *, dry_run: bool) -> None:
    """Print it."""
    if settings.json:
        json_line(_as_json(result, dry_run=dry_run))
        return
    if settings.quiet:
        return
    plan = result.plan
    would = "would be " if dry_run else ""
    line(f"{result.snapshots} snapshots need {result.used_blobs} blobs")
    if plan.repack:
        added = "" if dry_run else f" into {size_text(result.added)}"
        line(f"{would}repacked: {len(plan.repack)} packs, {size_text(result.repacked)}{added}")
    if plan.rescue:
        line(f"{would}taken back, for they are needed again: {len(plan.rescue)} packs")
    if plan.missing:
        line(f"{would}forgotten: {len(plan.missing)} packs that are not there, nor needed")
    line(f"{would}freed: {result.freed_packs} packs, {size_text(result.freed)}")
    if result.pending_packs:
        until = local_time_text(result.pending_until)
        line(
            f"pending: {result.pending_packs} packs, {size_text(result.pending)}; "
            f"a prune after {until} frees them"
        )
    line(f"left unused in packs: {size_text(plan.kept_unused)}")


def _as_json(result: PruneResult, *, dry_run: bool) -> dict[str, object]:
    plan = result.plan
    return {
        "message_type": "summary",
        "dry_run": dry_run,
        "snapshots": result.snapshots,
        "blobs_used": result.used_blobs,
        "packs_freed": result.freed_packs,
        "bytes_freed": result.freed,
        "packs_pending": result.pending_packs,
        "bytes_pending": result.pending,
        "pending_until": result.pending_until // 1_000_000_000,
        "packs_repacked": len(plan.repack),
        "bytes_repacked": result.repacked,
        "bytes_added": result.added,
        "packs_taken_back": len(plan.rescue),
        "bytes_left_unused": plan.kept_unused,
    }
