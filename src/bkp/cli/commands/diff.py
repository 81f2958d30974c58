"""bkp diff: compare snapshots with each other or with what is on disk."""

import os
import socket
import sys
from collections.abc import Iterable, Sequence

import click

from bkp.cli.events import Problems
from bkp.cli.filters import filter_from, snapshot_filters
from bkp.cli.opening import open_for_reading
from bkp.cli.options import Settings, declare, settings_of
from bkp.cli.output import json_line, line, path_text, safe, size_text
from bkp.errors import UsageError
from bkp.files.selection.excludes import ExcludeOptions, Excludes
from bkp.ops.diff.counts import DiffStats, SideStats
from bkp.ops.diff.differences import Difference
from bkp.ops.diff.live import LiveComparison, LiveOptions
from bkp.ops.diff.snapshots import Comparison
from bkp.ops.diff.text import content_diff
from bkp.ops.locate import Place, find_place, parse_operand


@declare(
    ("bkp diff", "what changed on disk since the latest snapshot"),
    ("bkp diff latest:/home/me", "in one directory"),
    ("bkp diff latest~1 latest", "between two snapshots"),
    ("bkp diff 1a2b3c4d:/etc 5e6f7a8b:/etc --content", "and how files changed"),
    name="diff",
)
@click.argument("first", required=False, metavar="[SNAPSHOT[:PATH]")
@click.argument("second", required=False, metavar="[SNAPSHOT[:PATH]]]")
@click.option("--metadata", is_flag=True, help="Show changes of modes, owners, times and such.")
@click.option("--content", is_flag=True, help="Show how the contents of text files changed.")
@click.option(
    "--read-data",
    is_flag=True,
    help="Read all files on disk, not only those with another time or size.",
)
@click.option(
    "-e",
    "--exclude",
    "excludes",
    multiple=True,
    metavar="PATTERN",
    help="Leave out on disk; what the snapshot left out by patterns is left out anyway.",
)
@snapshot_filters
@click.pass_context
def command(
    ctx: click.Context,
    first: str | None,
    second: str | None,
    metadata: bool,
    content: bool,
    read_data: bool,
    excludes: Sequence[str],
    hosts: Sequence[str],
    tags: Sequence[str],
    paths: Sequence[str],
) -> int:
    """Compare snapshots with each other or with what is on disk.

    With one snapshot, or none for the latest of this machine, it is compared
    with the files it was taken of.

    \b
    +  added        -  removed      T  another type
    M  other contents; another target of a link
    U  other metadata, with --metadata
    ?  contents changed and nothing else, as when a disk fails
    """
    settings = settings_of(ctx)
    if content and settings.json:
        raise UsageError("--content is for reading and has no JSON")
    problems = Problems(settings)
    repo = open_for_reading(settings, problems)
    wanted = filter_from(hosts or _own_host(first), tags, paths)
    before = find_place(repo, parse_operand(first or "latest"), wanted.matches)
    comparison: Comparison | LiveComparison
    if second is not None:
        after = find_place(repo, parse_operand(second), wanted.matches)
        comparison = Comparison(repo, before, after, metadata=metadata, report=problems)
        names = _short(before), _short(after)
    else:
        patterns = [*before.saved.snapshot.excludes, *excludes]
        options = LiveOptions(
            metadata=metadata,
            read_data=read_data,
            excludes=Excludes(
                ExcludeOptions(patterns=tuple(os.fsencode(pattern) for pattern in patterns))
            ),
        )
        comparison = LiveComparison(repo, before, options, problems)
        names = _short(before), "what is on disk"
    if not settings.json and not settings.quiet:
        line(f"comparing {names[0]} with {names[1]}:\n")
    for difference in comparison:
        _print(settings, difference)
        if content:
            _print_lines(content_diff(repo, difference, problems))
    if settings.json:
        sides = before.saved.id.hex(), after.saved.id.hex() if second is not None else ""
        json_line(_as_json(sides, comparison.statistics()))
    elif not settings.quiet:
        _print_statistics(comparison.statistics(), is_live=second is None)
    return problems.failure_code()


def _own_host(first: str | None) -> Sequence[str]:
    """Return whose snapshots `latest` may mean: another machine's files are not here."""
    return () if first is not None else (socket.gethostname(),)


def _short(place: Place) -> str:
    path = "" if place.path == b"/" else ":" + safe(path_text(place.path))
    return f"snapshot {place.saved.id.hex()[:8]}{path}"


def _print(settings: Settings, difference: Difference) -> None:
    path = path_text(difference.path)
    if settings.json:
        change = {"message_type": "change", "path": path, "modifier": difference.modifier}
        json_line(change)
    else:
        line(f"{difference.modifier:<5}{safe(path)}")


def _print_lines(lines: Iterable[bytes]) -> None:
    if not sys.stdout.isatty():
        for one in lines:  # exactly, so that `patch` understands it
            click.echo(one, nl=False)
        return
    for one in lines:
        line(safe(one.rstrip(b"\n").decode("utf-8", "surrogateescape").expandtabs()))


def _print_statistics(statistics: DiffStats, *, is_live: bool) -> None:
    added, removed = statistics.added, statistics.removed
    line("")
    line(
        f"{'files:':<12}{added.files} new, {removed.files} removed, "
        f"{statistics.changed_files} changed"
    )
    line(f"{'dirs:':<12}{added.dirs} new, {removed.dirs} removed")
    line(f"{'others:':<12}{added.others} new, {removed.others} removed")
    if not is_live:
        line(f"{'data blobs:':<12}{added.data_blobs} new, {removed.data_blobs} removed")
        line(f"{'tree blobs:':<12}{added.tree_blobs} new, {removed.tree_blobs} removed")
    line(f"{'added:':<12}{size_text(added.bytes)}")
    line(f"{'removed:':<12}{size_text(removed.bytes)}")


def _as_json(sides: tuple[str, str], statistics: DiffStats) -> dict[str, object]:
    return {
        "message_type": "statistics",
        "source_snapshot": sides[0],
        "target_snapshot": sides[1],
        "changed_files": statistics.changed_files,
        "added": _side_json(statistics.added),
        "removed": _side_json(statistics.removed),
    }


def _side_json(side: SideStats) -> dict[str, int]:
    return {
        "files": side.files,
        "dirs": side.dirs,
        "others": side.others,
        "data_blobs": side.data_blobs,
        "tree_blobs": side.tree_blobs,
        "bytes": side.bytes,
    }
