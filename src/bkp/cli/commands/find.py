"""bkp find: find files by name, or what uses blobs, trees and packs, in all snapshots."""

import os
from collections.abc import Iterable, Sequence
from datetime import datetime

import click

from bkp.cli.events import Problems
from bkp.cli.filters import filter_from, snapshot_filters
from bkp.cli.find_report import hits_json, print_hits, print_places, print_uses, use_json
from bkp.cli.opening import open_for_reading
from bkp.cli.options import declare, settings_of
from bkp.cli.output import json_array, line
from bkp.errors import UsageError
from bkp.ops.find.ids import Use, find_uses
from bkp.ops.find.names import FindOptions, find
from bkp.ops.find.wanted import Beginnings, Wanted, wanted_in_packs
from bkp.ops.select import chosen
from bkp.repo.repository import Repository

_TIMES = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S %z",
    "%Y-%m-%dT%H:%M:%S%z",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
)


@declare(
    ("bkp find '*.doc'", "by name, in all snapshots"),
    ("bkp find -l 'mail/*/inbox'", "by the end of the path, with details"),
    ("bkp find -i readme -s latest", "in one snapshot, in any case"),
    ("bkp find -O 2026-01-01 -N 2026-02-01 '*.xls'", "changed in January"),
    ("bkp find --blob 1a2b3c4d --show-pack-id", "files that have a blob, and its pack"),
    ("bkp find --pack 5e6f7a8b", "all that needs a pack"),
    name="find",
)
@click.argument("given", nargs=-1, required=True, metavar="PATTERN... | ID...")
@click.option("-i", "--ignore-case", is_flag=True, help="Ignore case in the patterns.")
@click.option("-l", "--long", "is_long", is_flag=True, help="Show mode, owner, size and time.")
@click.option("--human-readable", is_flag=True, help="Show sizes with units.")
@click.option("-O", "--oldest", metavar="TIME", help="Only what was changed at TIME or later.")
@click.option("-N", "--newest", metavar="TIME", help="Only what was changed at TIME or before.")
@click.option("--blob", is_flag=True, help="Find the files that have the blobs with these ids.")
@click.option("--tree", is_flag=True, help="Find the directories that have the trees with these.")
@click.option("--pack", is_flag=True, help="Find what uses the blobs in the packs with these.")
@click.option("--show-pack-id", is_flag=True, help="Show too in which packs these blobs are.")
@click.option("-s", "--snapshot", "ids", multiple=True, metavar="ID", help="Only this snapshot.")
@click.option("-R", "--reverse", is_flag=True, help="The oldest snapshot first.")
@snapshot_filters
@click.pass_context
def command(
    ctx: click.Context,
    given: Sequence[str],
    ignore_case: bool,
    is_long: bool,
    human_readable: bool,
    oldest: str | None,
    newest: str | None,
    blob: bool,
    tree: bool,
    pack: bool,
    show_pack_id: bool,
    ids: Sequence[str],
    reverse: bool,
    hosts: Sequence[str],
    tags: Sequence[str],
    paths: Sequence[str],
) -> int:
    """Find files by name, or what uses a blob, a tree or a pack, in all snapshots.

    A pattern without a slash at its beginning may fit anywhere in a path; what
    is below a directory that fits is found too.  Of an id its first digits are
    enough.  The newest snapshot comes first.  The exit code is 0 even if
    nothing is found.
    """
    settings = settings_of(ctx)
    kind = _kind_of_ids(blob=blob, tree=tree, pack=pack)
    if kind is not None and (oldest or newest):
        raise UsageError(f"--oldest and --newest are for patterns, not with --{kind}")
    if kind is None and show_pack_id:
        raise UsageError("--show-pack-id needs --blob, --tree or --pack")
    options = FindOptions(
        patterns=[os.fsencode(pattern) for pattern in given],
        ignore_case=ignore_case,
        oldest=_parse_time(oldest),
        newest=_parse_time(newest),
    )
    problems = Problems(settings)
    repo = open_for_reading(settings, problems)
    snapshots = chosen(repo.snapshots, ids, filter_from(hosts, tags, paths))
    if not reverse:
        snapshots.reverse()
    if kind is not None:
        wanted = _wanted(repo, kind, given, problems)
        uses = find_uses(repo, snapshots, wanted, problems)
        if settings.json:
            json_array(use_json(use, repo if show_pack_id else None) for use in uses)
        else:
            _print_uses(repo, uses, wanted, show_pack_id)
    elif settings.json:
        json_array(hits_json(one) for one in find(repo, snapshots, options, problems))
    else:
        hits = find(repo, snapshots, options, problems)
        print_hits(hits, is_long=is_long, human_sizes=human_readable)
    return problems.failure_code()


def _kind_of_ids(**kinds: bool) -> str | None:
    given = [kind for kind, is_given in kinds.items() if is_given]
    if len(given) > 1:
        raise UsageError(f"--{given[0]} and --{given[1]} exclude each other")
    return given[0] if given else None


def _wanted(repo: Repository, kind: str, ids: Sequence[str], problems: Problems) -> Wanted:
    match kind:
        case "blob":
            return Wanted(data=Beginnings(ids))
        case "tree":
            return Wanted(trees=Beginnings(ids))
        case _:
            return wanted_in_packs(repo, ids, problems)


def _print_uses(repo: Repository, uses: Iterable[Use], wanted: Wanted, show_pack_id: bool) -> None:
    found = print_uses(uses)
    if show_pack_id:
        if found:
            line("")
        print_places(repo, dict.fromkeys([*found, *wanted.full()]))


def _parse_time(text: str | None) -> int | None:
    """Read a time, local unless it says otherwise; return ns."""
    if text is None:
        return None
    for form in _TIMES:
        try:
            moment = datetime.strptime(text, form)
        except ValueError:
            continue
        return int(moment.timestamp()) * 1_000_000_000
    raise UsageError(f"not a time: {text!r}; write it as 'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM:SS'")
