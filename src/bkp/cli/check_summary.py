"""What a check found, for people and for programs."""

from bkp.ops.check.coverage import Coverage
from bkp.ops.check.faults import Fault, FaultKind
from bkp.ops.check.run import CheckResult
from bkp.times import UTC, format_time, now

from .check_remedies import remedies
from .options import Settings
from .output import json_line, line, path_text, safe, size_text

_SHOWN_FAULTS = 100
_UNHARMED = "nothing in any snapshot is affected"
_WITHOUT_HARM = {
    FaultKind.KEY: "the other keys open the repository as before",
    FaultKind.SNAPSHOT: "this snapshot cannot be restored",
    FaultKind.INDEX: "the other indexes name everything that is needed",
    FaultKind.PACK: _UNHARMED,
    FaultKind.BLOB: _UNHARMED,
    FaultKind.TREE: _UNHARMED,
}
_HOUR = 3600 * 1_000_000_000  # ns


def report_check(settings: Settings, result: CheckResult, *, reads: bool) -> None:
    """Print it; `reads` says whether packs were to be read."""
    if settings.json:
        json_line(_as_json(result))
        return
    for hint in result.hints:
        line(f"note: {safe(hint)}")
    if not settings.quiet:
        line(
            f"checked {result.snapshots} snapshots, {result.trees} trees, {result.packs} packs"
            + (f"; {_reading_text(result)}" if reads else "")
        )
        if known := _coverage_text(result.coverage, reads=reads):
            line(known)
    if result.is_sound:
        if not settings.quiet:
            line("no faults were found")
        return
    line(f"{result.fault_count} faults were found; what they mean for the snapshots:")
    for fault in result.faults[:_SHOWN_FAULTS]:
        _print_harm(fault)
    if result.fault_count > _SHOWN_FAULTS:
        line(f"and {result.fault_count - _SHOWN_FAULTS} more, listed above")
    line("what helps, in this order:")
    for command in remedies(result):
        line(f"  {command}")


def _reading_text(result: CheckResult) -> str:
    total = result.coverage
    percent = 100 * result.bytes_read // total.bytes if total.bytes else 100
    return (
        f"read {result.packs_read} of {total.packs} packs, "
        f"{size_text(result.bytes_read)} of {size_text(total.bytes)} ({percent}%)"
    )


def _coverage_text(known: Coverage, *, reads: bool) -> str:
    """Say what is known of all packs, if there is anything to say."""
    if not known.is_kept or not known.packs or (known.never == known.packs and not reads):
        return ""
    parts = []
    if known.bad:
        parts.append(f"{known.bad} packs were damaged when they were verified last")
    if known.never:
        parts.append(f"{known.never} packs were never verified")
    if known.oldest_ns is not None:
        which = "the others were" if parts else "everything was"
        parts.append(f"{which} verified in the last {_age_text(now() - known.oldest_ns)}")
    return "; ".join(parts)


def _age_text(ns: int) -> str:
    """Return an age as it follows on "in the last", rounded up."""
    hours = -(-ns // _HOUR)
    if hours <= 1:
        return "hour"
    return f"{hours} hours" if hours <= 48 else f"{-(-hours // 24)} days"


def _print_harm(fault: Fault) -> None:
    line(f"{fault.where}:")
    for harmed in fault.harm.newest:
        line(
            f"  snapshot {harmed.id.hex()[:8]} of {harmed.time[:19].replace('T', ' ')}: "
            f"{harmed.entries} files or directories"
        )
        for path in harmed.paths:
            line(f"    {safe(path_text(path))}")
        if harmed.entries > len(harmed.paths):
            line("    ...")
    more = fault.harm.snapshots - len(fault.harm.newest)
    if more > 0:
        line(f"  and {more} older snapshots")
    if not fault.harm.snapshots:
        line(f"  {_WITHOUT_HARM[fault.kind]}")


def _as_json(result: CheckResult) -> dict[str, object]:
    known = result.coverage
    oldest = known.oldest_ns
    return {
        "message_type": "summary",
        "num_errors": result.fault_count,
        "broken_packs": [pack.hex() for pack in result.broken_packs] or None,
        "suggest_repair_index": result.needs_index,
        "suggest_prune": result.needs_prune,
        "packs_read": result.packs_read,
        "bytes_read": result.bytes_read,
        "packs_total": known.packs,
        "bytes_total": known.bytes,
        "packs_last_damaged": known.bad if known.is_kept else None,
        "packs_never_verified": known.never if known.is_kept else None,
        "oldest_verification": (
            format_time(oldest, UTC) if known.is_kept and oldest is not None else None
        ),
        "hints": list(result.hints),
        "faults": [_fault_json(fault) for fault in result.faults],
    }


def _fault_json(fault: Fault) -> dict[str, object]:
    return {
        "kind": fault.kind.value,
        "where": fault.where,
        "message": fault.message,
        "snapshots": fault.harm.snapshots,
        "newest": [
            {
                "snapshot": harmed.id.hex(),
                "time": harmed.time,
                "entries": harmed.entries,
                "paths": [path_text(path) for path in harmed.paths],
            }
            for harmed in fault.harm.newest
        ],
    }
