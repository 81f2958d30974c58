"""bkp cache: what is kept on this machine to speed up the next run."""

from collections.abc import Sequence
from pathlib import Path

import click

from bkp.cli.events import Problems
from bkp.cli.opening import cache_directory
from bkp.cli.options import Settings, declare, settings_of
from bkp.cli.output import json_line, line, local_time_text, safe, size_text
from bkp.cli.tables import print_table
from bkp.errors import UsageError
from bkp.repo.cache_directories import Cleaned, KeptDirectory, clean, kept_directories
from bkp.times import format_time, local_zone, now

_DAY = 24 * 60 * 60 * 1_000_000_000  # ns


@declare(
    ("bkp cache", "which directories there are"),
    ("bkp cache --cleanup", "remove those not used for 30 days"),
    ("bkp cache --cleanup --max-age 0", "remove all of them"),
    name="cache",
)
@click.option("--cleanup", is_flag=True, help="Remove old directories, and files never finished.")
@click.option(
    "--max-age",
    type=click.IntRange(0),
    default=30,
    metavar="DAYS",
    help="Days without use after which a directory is old.  [default: 30]",
)
@click.option("--no-size", is_flag=True, help="Leave out the sizes.")
@click.pass_context
def command(ctx: click.Context, cleanup: bool, max_age: int, no_size: bool) -> int:
    """List or remove what is kept on this machine to speed up the next run.

    Each repository has a directory; without it the next run takes longer, and
    nothing else.  No repository and no password is needed.
    """
    settings = settings_of(ctx)
    problems = Problems(settings)
    cache = cache_directory(settings)
    if cache is None:
        raise UsageError("there is no cache: --no-cache was given, or nobody knows your home")
    moment = now()
    oldest = moment - max_age * _DAY
    if cleanup:
        _report(settings, cache, clean(cache, moment, max_age * _DAY, problems))
        return problems.failure_code()
    found = kept_directories(cache, problems)
    if settings.json:
        json_line([_as_json(one, oldest, no_size) for one in found])
    elif not found:
        line(f"nothing is kept in {safe(str(cache))}")
    else:
        _print(found, oldest, no_size)
        is_any_old = any(one.used_ns < oldest for one in found)
        hint = "; `bkp cache --cleanup` removes the old ones" if is_any_old else ""
        line(f"{len(found)} directories in {safe(str(cache))}{hint}")
    return problems.failure_code()


def _print(found: Sequence[KeptDirectory], oldest: int, no_size: bool) -> None:
    heads = ["Repository", "Last used", "Old", *([] if no_size else ["Size"])]
    rows = [
        [
            [one.repository[:8]],
            [local_time_text(one.used_ns)],
            ["yes" if one.used_ns < oldest else ""],
            *([] if no_size else [[size_text(one.size)]]),
        ]
        for one in found
    ]
    print_table(heads, rows)


def _report(settings: Settings, cache: Path, cleaned: Cleaned) -> None:
    """Say what was removed."""
    gone = cleaned.directories
    if settings.json:
        removed = [one.repository for one in gone]
        json_line({"removed": removed, "unfinished_files": cleaned.files})
    elif not settings.quiet:
        size = size_text(sum(one.size for one in gone))
        line(f"removed {len(gone)} directories from {safe(str(cache))}, {size}")
        if cleaned.files:
            line(f"removed {cleaned.files} files that were never finished")


def _as_json(one: KeptDirectory, oldest: int, no_size: bool) -> dict[str, object]:
    fields: dict[str, object] = {
        "repository": one.repository,
        "last_used": format_time(one.used_ns, local_zone()),
        "old": one.used_ns < oldest,
    }
    return fields if no_size else fields | {"size": one.size}
