"""bkp copy: take over snapshots from another repository."""

from collections.abc import Sequence
from typing import Any

import click

from bkp.cli.filters import filter_from, snapshot_filters
from bkp.cli.opening import open_other, open_unindexed
from bkp.cli.options import Settings, declare, settings_of
from bkp.cli.other_repository import other_from, other_repository
from bkp.cli.output import json_line, line
from bkp.cli.stage_report import StageReport
from bkp.errors import UsageError
from bkp.ops.copy import Copied, copy
from bkp.ops.select import chosen


@declare(
    ("bkp copy --from-repo /mnt/disk/backup", "copy all snapshots that are not here yet"),
    ("bkp copy --from-repo /b --host cellar latest", "the latest of a host"),
    name="copy",
)
@click.argument("ids", nargs=-1, metavar="[SNAPSHOT]...")
@other_repository
@snapshot_filters
@click.pass_context
def command(
    ctx: click.Context,
    /,
    ids: Sequence[str],
    hosts: Sequence[str],
    tags: Sequence[str],
    paths: Sequence[str],
    **values: Any,
) -> int:
    """Copy snapshots from another repository into this one.

    What is here already is not copied again.  A repository that is to hold
    copies is best made by `bkp init --copy-chunker-params --from-repo`: then
    snapshots taken into it later share what was copied.
    """
    settings = settings_of(ctx)
    other = other_from(values)
    if other is None:
        raise UsageError("--from-repo says from where to copy")
    with StageReport(settings, "copying") as report:
        source = open_other(settings, other, report)
        target = open_unindexed(settings, report)
        with source.reading(), target.lock() as lock:
            snapshots = chosen(source.snapshots, ids, filter_from(hosts, tags, paths))
            source.load_intact_index()
            target.load_index()
            for copied in copy(source, target, lock, snapshots, report):
                report.clear()
                _tell(settings, copied)
    return report.failure_code()


def _tell(settings: Settings, copied: Copied) -> None:
    source, target = copied.source.id.hex(), copied.target.id.hex()
    if settings.json:
        words = {"source_snapshot_id": source, "snapshot_id": target}
        json_line({"message_type": "copied", **words, "was_there": copied.was_there})
    elif not settings.quiet:
        verb = "is here already, as" if copied.was_there else "was copied to"
        line(f"snapshot {source[:8]} {verb} {target[:8]}")
