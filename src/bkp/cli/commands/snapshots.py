"""bkp snapshots: list what is saved."""

from collections.abc import Sequence

import click

from bkp.cli.events import Problems
from bkp.cli.filters import filter_from, snapshot_filters
from bkp.cli.opening import open_unindexed
from bkp.cli.options import declare, settings_of
from bkp.cli.output import json_line, line, local_time_text, size_text
from bkp.cli.snapshot_json import snapshot_json
from bkp.cli.tables import print_table
from bkp.ops.select import chosen, newest_of_each
from bkp.repo.snapshots import SavedSnapshot


@declare(
    ("bkp snapshots", "all of them"),
    ("bkp snapshots --latest 1", "the newest of each host and set of paths"),
    ("bkp snapshots --tag work --json", "those tagged so, for a program"),
    name="snapshots",
)
@click.option("--latest", type=click.IntRange(1), metavar="N", help="Only the newest N of each.")
@click.argument("ids", nargs=-1, metavar="[SNAPSHOT]...")
@snapshot_filters
@click.pass_context
def command(
    ctx: click.Context,
    ids: Sequence[str],
    latest: int | None,
    hosts: Sequence[str],
    tags: Sequence[str],
    paths: Sequence[str],
) -> int:
    """List the snapshots, oldest first."""
    settings = settings_of(ctx)
    problems = Problems(settings)
    repo = open_unindexed(settings, problems)
    found = chosen(repo.snapshots, ids, filter_from(hosts, tags, paths))
    if latest is not None:
        found = newest_of_each(found, latest)
    if settings.json:
        json_line([snapshot_json(saved) for saved in found])
    else:
        _print(found)
    return problems.failure_code()


def _print(found: Sequence[SavedSnapshot]) -> None:
    if not found:
        line("there are no snapshots; `bkp snapshot PATH` takes one")
        return
    print_table(["ID", "Time", "Host", "Tags", "Size", "Paths"], [_row(saved) for saved in found])
    line(f"{len(found)} snapshots")


def _row(saved: SavedSnapshot) -> list[list[str]]:
    snapshot = saved.snapshot
    summary = snapshot.summary
    return [
        [saved.id.hex()[:8]],
        [local_time_text(snapshot.time_ns)],
        [snapshot.hostname],
        list(snapshot.tags) or [""],
        [size_text(summary.total_bytes_processed) if summary else ""],
        list(snapshot.paths),
    ]
