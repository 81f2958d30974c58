"""bkp rewrite: leave something out of snapshots, or correct their host or time."""

from collections.abc import Sequence
from typing import Any

import click

from bkp.cli.events import Problems
from bkp.cli.filters import filter_from, snapshot_filters
from bkp.cli.moments import parse_local_time
from bkp.cli.opening import open_unindexed
from bkp.cli.options import declare, settings_of
from bkp.cli.pattern_options import patterns_from, restore_patterns
from bkp.cli.replaced_report import report_replaced
from bkp.ops.edit.rewriting import RewriteOptions, rewrite
from bkp.ops.select import chosen
from bkp.times import format_time, local_zone


@declare(
    ("bkp rewrite --exclude '*.iso' --forget", "take all such files out of all snapshots"),
    ("bkp rewrite --exclude /home/me/secret --dry-run", "see which snapshots would change"),
    ("bkp rewrite --new-host cellar 1a2b3c4d", "make a copy that says another host"),
    name="rewrite",
)
@click.argument("ids", nargs=-1, metavar="[SNAPSHOT]...")
@restore_patterns
@click.option("--new-host", default="", metavar="HOST", help="Say it is of this host.")
@click.option("--new-time", metavar="TIME", help="Say it is of this time: 'YYYY-MM-DD HH:MM:SS'.")
@click.option("-s", "--snapshot-summary", is_flag=True, help="Record how much is in it.")
@click.option("--forget", is_flag=True, help="Remove the originals.")
@click.option("-n", "--dry-run", is_flag=True, help="Change nothing, print what would be.")
@snapshot_filters
@click.pass_context
def command(
    ctx: click.Context,
    /,
    ids: Sequence[str],
    new_host: str,
    new_time: str | None,
    snapshot_summary: bool,
    forget: bool,
    dry_run: bool,
    hosts: Sequence[str],
    tags: Sequence[str],
    paths: Sequence[str],
    **patterns: Any,
) -> int:
    """Rewrite snapshots: those named, or all that the filters choose.

    The originals stay, and what comes of them is tagged `rewrite`, unless
    --forget removes them.  What is left out takes space until it is in no
    snapshot any more, and `bkp prune` frees it.
    """
    settings = settings_of(ctx)
    options = RewriteOptions(
        selection=patterns_from(patterns),
        host=new_host,
        time=format_time(parse_local_time(new_time), local_zone()) if new_time else "",
        add_summary=snapshot_summary,
        forget=forget,
        dry_run=dry_run,
    )
    problems = Problems(settings)
    repo = open_unindexed(settings, problems)
    with repo.lock() as lock:
        wanted = filter_from(hosts, tags, paths)
        snapshots = chosen(repo.snapshots, ids, wanted, to_change=True)
        repo.load_index()
        replaced = rewrite(repo, lock, snapshots, options, problems)
        report_replaced(settings, replaced, dry_run=dry_run)
    return problems.failure_code()
