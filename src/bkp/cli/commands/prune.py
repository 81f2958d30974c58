"""bkp prune: free what no snapshot needs."""

from typing import Any

import click

from bkp.cli.opening import open_unindexed
from bkp.cli.options import declare, settings_of
from bkp.cli.prune_options import prune_options, prune_options_from, require_consent
from bkp.cli.prune_report import report_prune
from bkp.cli.stage_report import StageReport
from bkp.ops.prune.run import prune


@declare(
    ("bkp prune", "mark what can go, delete what was marked a day ago"),
    ("bkp prune --dry-run", "see what would be done"),
    ("bkp prune --instant", "free it now, while nobody else works"),
    name="prune",
)
@prune_options
@click.option("-n", "--dry-run", is_flag=True, help="Change nothing, print what would be done.")
@click.pass_context
def command(ctx: click.Context, /, dry_run: bool, **values: Any) -> int:
    """Free what no snapshot needs.

    Snapshots may be taken meanwhile.  Packs that are not needed are marked
    first and deleted by a later prune, when they still are not and nobody can
    rely on them any more; `--instant` deletes them now, but needs to be alone.
    """
    settings = settings_of(ctx)
    options = prune_options_from(values, dry_run=dry_run)
    with StageReport(settings, "pruning") as report:
        repo = open_unindexed(settings, report)
        require_consent(values, repo)
        result = prune(repo, options, report)
    report_prune(settings, result, dry_run=dry_run)
    return report.failure_code()
