"""bkp find: find files by name in all snapshots."""

import os
from collections.abc import Sequence
from datetime import datetime

import click

from bkp.cli.events import Problems
from bkp.cli.filters import filter_from, snapshot_filters
from bkp.cli.nodes import found_json, node_line
from bkp.cli.opening import open_for_reading
from bkp.cli.options import declare, settings_of
from bkp.cli.output import json_line, line, local_time_text
from bkp.errors import UsageError
from bkp.ops.find import FindOptions, Hits, find
from bkp.ops.select import chosen

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
    name="find",
)
@click.argument("patterns", nargs=-1, required=True, metavar="PATTERN...")
@click.option("-i", "--ignore-case", is_flag=True, help="Ignore case in the patterns.")
@click.option("-l", "--long", "is_long", is_flag=True, help="Show mode, owner, size and time.")
@click.option("--human-readable", is_flag=True, help="Show sizes with units.")
@click.option("-O", "--oldest", metavar="TIME", help="Only what was changed at TIME or later.")
@click.option("-N", "--newest", metavar="TIME", help="Only what was changed at TIME or before.")
@click.option("-s", "--snapshot", "ids", multiple=True, metavar="ID", help="Only this snapshot.")
@click.option("-R", "--reverse", is_flag=True, help="The oldest snapshot first.")
@snapshot_filters
@click.pass_context
def command(
    ctx: click.Context,
    patterns: Sequence[str],
    ignore_case: bool,
    is_long: bool,
    human_readable: bool,
    oldest: str | None,
    newest: str | None,
    ids: Sequence[str],
    reverse: bool,
    hosts: Sequence[str],
    tags: Sequence[str],
    paths: Sequence[str],
) -> int:
    """Find files by name in all snapshots.

    A pattern without a slash at its beginning may fit anywhere in a path; what
    is below a directory that fits is found too.  The newest snapshot comes
    first.  The exit code is 0 even if nothing is found.
    """
    settings = settings_of(ctx)
    options = FindOptions(
        patterns=[os.fsencode(pattern) for pattern in patterns],
        ignore_case=ignore_case,
        oldest=_parse_time(oldest),
        newest=_parse_time(newest),
    )
    problems = Problems(settings)
    repo = open_for_reading(settings, problems)
    snapshots = chosen(repo.snapshots, ids, filter_from(hosts, tags, paths))
    hits = find(repo, snapshots if reverse else snapshots[::-1], options, problems)
    if settings.json:
        json_line([_as_json(one) for one in hits])
        return problems.failure_code()
    for number, one in enumerate(hits):
        if number:
            line("")
        when = local_time_text(one.saved.snapshot.time_ns)
        line(f"found in snapshot {one.saved.id.hex()[:8]} of {when}:")
        for found in one.found:
            line(node_line(found, is_long=is_long, human_sizes=human_readable))
    return problems.failure_code()


def _as_json(hits: Hits) -> dict[str, object]:
    return {
        "matches": [found_json(found) for found in hits.found],
        "hits": len(hits.found),
        "snapshot": hits.saved.id.hex(),
    }


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
