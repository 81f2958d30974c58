"""bkp snapshot: save files and directories."""

import os
from typing import Any

import click

from bkp.cli import sources
from bkp.cli.opening import open_for_snapshot
from bkp.cli.options import declare, settings_of
from bkp.cli.snapshot_options import (
    chosen_targets,
    labels_from,
    options_from,
    snapshot_options,
)
from bkp.cli.snapshot_report import SnapshotReport
from bkp.ops.backup.run import backup
from bkp.ops.backup.stdin import backup_stdin


@declare(
    ("bkp snapshot ~/Documents", "save a directory"),
    ("bkp snapshot / -x --exclude-caches", "the root file system, without caches"),
    ("bkp snapshot ~ -e '*.tmp' -e .cache", "without what the patterns match"),
    ("pg_dump db | bkp snapshot --stdin --stdin-filename db.sql", "what a program prints"),
    name="snapshot",
)
@snapshot_options
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> int:
    """Save files and directories as a new snapshot.

    Files that have not changed since the last snapshot of the same paths are
    not read again.  What cannot be read is reported and left out, and the exit
    code is then 3.  Without a location the snapshot goes to your own
    repository, which is made if it is not there yet.
    """
    settings = settings_of(ctx)
    report = SnapshotReport(settings, dry_run=values["dry_run"])
    source = sources.chosen(values)
    targets = [] if source else chosen_targets(values, report)
    repo = open_for_snapshot(settings, report, dry_run=values["dry_run"])
    with report:
        if source is not None:
            path = os.fsencode(values["stdin_filename"])
            result = backup_stdin(repo, source, path, labels_from(values), report)
        else:
            options = options_from(
                values,
                repo.location,
                count_ahead=report.wants_totals,
                list_entries=report.wants_entries,
            )
            result = backup(repo, targets, options, report)
    report.summarize(result)
    return report.exit_code()
