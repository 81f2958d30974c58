"""bkp recover: find what no snapshot holds any more."""

import socket

import click

from bkp.cli.opening import open_unindexed
from bkp.cli.options import declare, settings_of
from bkp.cli.output import json_line, line
from bkp.cli.stage_report import StageReport
from bkp.ops.backup.labels import SnapshotLabels
from bkp.ops.recover import RECOVERED, recover
from bkp.ops.repair.index import repair_index
from bkp.times import local_zone, now


@declare(
    ("bkp recover", "make a snapshot of all that no snapshot holds"),
    ("bkp restore latest --tag recovered", "and look at it"),
    name="recover",
)
@click.pass_context
def command(ctx: click.Context) -> int:
    """Make a snapshot of all directories that are in no snapshot.

    For when snapshots were lost or removed by mistake, and not pruned yet.
    The index is repaired before.  Nobody else may work meanwhile.
    """
    settings = settings_of(ctx)
    labels = SnapshotLabels(
        host=socket.gethostname(), time_ns=now(), zone=local_zone(), tags=[RECOVERED]
    )
    with StageReport(settings, "recovering") as report:
        repo = open_unindexed(settings, report)
        with repo.lock(exclusive=True) as lock:
            repair_index(repo, lock, report)
            saved = recover(repo, lock, labels, report)
    if settings.json:
        json_line({"message_type": "summary", "snapshot_id": saved and saved.id.hex()})
    elif saved is None:
        line("nothing was found that is in no snapshot")
    else:
        line(f"saved as snapshot {saved.id.hex()[:8]}")
    return report.failure_code()
