"""bkp snapshots: list what is saved."""

from collections.abc import Sequence

import click

from bkp.cli.events import Problems
from bkp.cli.filters import filter_from, snapshot_filters
from bkp.cli.opening import open_unindexed
from bkp.cli.options import declare, settings_of
from bkp.cli.output import json_line, line, safe, size_text
from bkp.cli.snapshot_cells import HEADS, cells_of
from bkp.cli.snapshot_json import snapshot_json
from bkp.cli.tables import print_table
from bkp.ops.grouping import GroupBy, GroupKey, grouped, newest_of_each
from bkp.ops.select import chosen
from bkp.repo.snapshots import SavedSnapshot

_UNGROUPED = GroupBy.parse("")


@declare(
    ("bkp snapshots", "all of them"),
    ("bkp snapshots --latest 1", "the newest of each host and set of paths"),
    ("bkp snapshots -g host -c", "a table for each host, without the paths"),
    ("bkp snapshots --tag work --json", "those tagged so, for a program"),
    name="snapshots",
)
@click.option(
    "--latest",
    type=click.IntRange(1),
    metavar="N",
    help="Only the newest N of each group, or else of each host and set of paths.",
)
@click.option(
    "-g",
    "--group-by",
    default="",
    metavar="FIELDS",
    help="Put together those of one host, of the same paths, of the same tags: host,paths,tags "
    "or some of these.",
)
@click.option("-c", "--compact", is_flag=True, help="Leave out the paths.")
@click.argument("ids", nargs=-1, metavar="[SNAPSHOT]...")
@snapshot_filters
@click.pass_context
def command(
    ctx: click.Context,
    ids: Sequence[str],
    latest: int | None,
    group_by: str,
    compact: bool,
    hosts: Sequence[str],
    tags: Sequence[str],
    paths: Sequence[str],
) -> int:
    """List the snapshots, oldest first."""
    settings = settings_of(ctx)
    by = GroupBy.parse(group_by)
    is_grouped = by != _UNGROUPED
    problems = Problems(settings)
    repo = open_unindexed(settings, problems)
    found = chosen(repo.snapshots, ids, filter_from(hosts, tags, paths))
    if latest is not None:
        found = newest_of_each(found, by if is_grouped else GroupBy(), latest)
    groups = grouped(found, by)
    if not settings.json:
        _print(groups, compact)
    elif is_grouped:
        json_line([_group_json(key, members) for key, members in groups.items()])
    else:
        json_line([snapshot_json(saved) for saved in found])
    return problems.failure_code()


def _print(groups: dict[GroupKey, list[SavedSnapshot]], compact: bool) -> None:
    if not groups:
        line("there are no snapshots; `bkp snapshot PATH` takes one")
    heads = [*HEADS, "Size"] if compact else [*HEADS, "Size", "Paths"]
    for number, (key, members) in enumerate(groups.items()):
        if number:
            line("")
        if str(key):
            line(f"snapshots of {safe(str(key))}")
        print_table(heads, [_row(saved, compact) for saved in members])
        line(f"{len(members)} snapshots")


def _row(saved: SavedSnapshot, compact: bool) -> list[list[str]]:
    summary = saved.snapshot.summary
    size = [size_text(summary.total_bytes_processed) if summary else ""]
    cells = [*cells_of(saved), size]
    return cells if compact else [*cells, list(saved.snapshot.paths)]


def _group_json(key: GroupKey, members: Sequence[SavedSnapshot]) -> dict[str, object]:
    """Return a group in restic's shape."""
    shared = {
        "hostname": key.host,
        "paths": list(key.paths) or None,
        "tags": list(key.tags) or None,
    }
    return {"group_key": shared, "snapshots": [snapshot_json(saved) for saved in members]}
