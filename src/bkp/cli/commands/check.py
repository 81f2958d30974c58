"""bkp check: verify that everything can be restored."""

import click

from bkp.cli import exits
from bkp.cli.check_summary import report_check
from bkp.cli.durations import seconds_of
from bkp.cli.opening import open_unindexed
from bkp.cli.options import declare, settings_of
from bkp.cli.stage_report import StageReport
from bkp.errors import UsageError
from bkp.ops.check.run import CheckOptions, check
from bkp.ops.check.subset import Everything, Subset, parse_subset


@declare(
    ("bkp check", "the structure: is all there that snapshots need?"),
    ("bkp check --read-data", "and every byte of it"),
    ("bkp check --max-duration 2h30m", "what fits into a night; the next night goes on"),
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
@click.option(
    "--max-duration",
    metavar="TIME",
    help="Begin no pack after this time, as in 2h30m.  Of all packs, or of the part, "
    "those that were verified longest ago come first.",
)
@click.pass_context
def command(
    ctx: click.Context, read_data: bool, read_data_subset: str | None, max_duration: str | None
) -> int:
    """Verify that everything can be restored.

    Says what is wrong and which files of which snapshots suffer, and goes on
    after the first fault.  Snapshots can be taken meanwhile.  The exit code is
    1 if anything is wrong.

    When each pack was verified is remembered on this machine.  Packs that were
    damaged are read first, in every run that reads any, until they are found
    intact or are gone.
    """
    settings = settings_of(ctx)
    options = _options(read_data, read_data_subset, max_duration)
    with StageReport(settings, "checking") as report:
        result = check(open_unindexed(settings, report), options, report)
    report_check(settings, result, reads=options.read is not None)
    return exits.OK if result.is_sound else exits.FAILURE


def _options(everything: bool, subset: str | None, duration: str | None) -> CheckOptions:
    if everything and subset is not None:
        raise UsageError("--read-data and --read-data-subset exclude each other")
    read: Subset | None = None
    if subset is not None:
        read = parse_subset(subset)
    elif everything or duration is not None:
        read = Everything()
    seconds = float("inf") if duration is None else seconds_of(duration)
    return CheckOptions(read=read, max_seconds=seconds)
