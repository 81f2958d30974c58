"""bkp check: verify that everything can be restored."""

import click

from bkp.cli import exits
from bkp.cli.opening import open_unindexed
from bkp.cli.options import Settings, declare, settings_of
from bkp.cli.output import json_line, line, path_text, safe, size_text
from bkp.cli.stage_report import StageReport
from bkp.errors import UsageError
from bkp.ops.check.faults import Fault, FaultKind
from bkp.ops.check.run import CheckOptions, CheckResult, check
from bkp.ops.check.subset import Everything, Subset, parse_subset

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


@declare(
    ("bkp check", "the structure: is all there that snapshots need?"),
    ("bkp check --read-data", "and every byte of it"),
    ("bkp check --read-data-subset 1/7", "a seventh of the data; 2/7 is the next"),
    ("bkp check --read-data-subset 5G", "random packs of 5 GiB together"),
    name="check",
)
@click.option("--read-data", is_flag=True, help="Read all packs and verify every blob.")
@click.option(
    "--read-data-subset",
    metavar="N/T | X% | SIZE",
    help="Read a part of the packs: one of t parts, a random share, or about so many bytes.",
)
@click.pass_context
def command(ctx: click.Context, read_data: bool, read_data_subset: str | None) -> int:
    """Verify that everything can be restored.

    Says what is wrong and which files of which snapshots suffer, and goes on
    after the first fault.  Snapshots can be taken meanwhile.  The exit code is
    1 if anything is wrong.
    """
    settings = settings_of(ctx)
    options = CheckOptions(read=_subset(read_data, read_data_subset))
    with StageReport(settings, "checking") as report:
        result = check(open_unindexed(settings, report), options, report)
    if settings.json:
        json_line(_as_json(result))
    else:
        _print(settings, result, reads=options.read is not None)
    return exits.OK if result.is_sound else exits.FAILURE


def _subset(everything: bool, subset: str | None) -> Subset | None:
    if subset is not None:
        if everything:
            raise UsageError("--read-data and --read-data-subset exclude each other")
        return parse_subset(subset)
    return Everything() if everything else None


def _print(settings: Settings, result: CheckResult, *, reads: bool) -> None:
    for hint in result.hints:
        line(f"note: {safe(hint)}")
    if not settings.quiet:
        line(
            f"checked {result.snapshots} snapshots, {result.trees} trees, {result.packs} packs"
            + (f"; read {result.packs_read} packs, {size_text(result.bytes_read)}" if reads else "")
        )
    if result.is_sound:
        if not settings.quiet:
            line("no faults were found")
        return
    line(f"{result.fault_count} faults were found; what they mean for the snapshots:")
    for fault in result.faults[:_SHOWN_FAULTS]:
        _print_harm(fault)
    if result.fault_count > _SHOWN_FAULTS:
        line(f"and {result.fault_count - _SHOWN_FAULTS} more, listed above")


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
    return {
        "message_type": "summary",
        "num_errors": result.fault_count,
        "broken_packs": [pack.hex() for pack in result.broken_packs] or None,
        "suggest_repair_index": result.needs_index,
        "suggest_prune": result.needs_prune,
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
