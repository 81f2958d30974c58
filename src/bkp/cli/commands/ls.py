"""bkp ls: list the files of a snapshot."""

import os
from collections.abc import Iterator, Sequence

import click

from bkp.cli.events import Problems
from bkp.cli.filters import filter_from, snapshot_filters
from bkp.cli.nodes import listed_json, node_line
from bkp.cli.opening import open_for_reading
from bkp.cli.options import declare, settings_of
from bkp.cli.output import json_line, line
from bkp.cli.snapshot_json import snapshot_json
from bkp.events import Reporter
from bkp.ops.locate import Operand, absolute, find_place, parse_operand, place_in
from bkp.ops.walktree import Found, walk
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot


@declare(
    ("bkp ls", "everything in the latest snapshot"),
    ("bkp ls latest /home/me", "one directory, its entries only"),
    ("bkp ls -l --recursive 1a2b3c4d:/home/me", "and all below it, with details"),
    name="ls",
)
@click.argument("snapshot", default="latest", metavar="[SNAPSHOT[:PATH]]")
@click.argument("directories", nargs=-1, metavar="[PATH]...")
@click.option("-l", "--long", "is_long", is_flag=True, help="Show mode, owner, size and time.")
@click.option("--recursive", is_flag=True, help="List what is below the given paths, too.")
@click.option("--human-readable", is_flag=True, help="Show sizes with units.")
@snapshot_filters
@click.pass_context
def command(
    ctx: click.Context,
    snapshot: str,
    directories: Sequence[str],
    is_long: bool,
    recursive: bool,
    human_readable: bool,
    hosts: Sequence[str],
    tags: Sequence[str],
    paths: Sequence[str],
) -> int:
    """List the files of a snapshot.

    Without a path everything is listed; with one, the directory there and its
    entries.
    """
    settings = settings_of(ctx)
    problems = Problems(settings)
    repo = open_for_reading(settings, problems)
    operand = parse_operand(snapshot)
    root = find_place(repo, Operand(operand.snapshot), filter_from(hosts, tags, paths).matches)
    wanted = [absolute(os.fsencode(path)) for path in directories]
    if operand.path != b"/":
        wanted.insert(0, operand.path)
    if settings.json:
        kind = {"message_type": "snapshot", "struct_type": "snapshot"}
        json_line(snapshot_json(root.saved) | kind)
    for path in wanted or [b"/"]:
        everything = recursive or not wanted
        for found in _list(repo, root.saved, path, everything, problems):
            if settings.json:
                json_line(listed_json(found))
            else:
                line(node_line(found, is_long=is_long, human_sizes=human_readable))
    return problems.failure_code()


def _list(
    repo: Repository, saved: SavedSnapshot, path: bytes, everything: bool, report: Reporter
) -> Iterator[Found]:
    place = place_in(repo, saved, path)
    if place.node is not None:
        yield Found(place.path, place.node)
    if place.is_directory:
        yield from walk(repo, place.tree, report, under=path, enters=lambda _: everything)
