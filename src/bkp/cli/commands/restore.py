"""bkp restore: bring back a snapshot, or a part of one."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from bkp.cli.filters import filter_from, snapshot_filters
from bkp.cli.opening import open_unindexed
from bkp.cli.options import declare, settings_of
from bkp.cli.output import line
from bkp.cli.pattern_options import patterns_from, restore_patterns
from bkp.cli.restore_report import RestoreReport
from bkp.errors import UsageError
from bkp.ops.locate import Place, find_place, parse_operand, place_in
from bkp.ops.restore.options import Overwrite, RestoreOptions
from bkp.ops.restore.run import restore
from bkp.ops.selection import Exactly, Selection
from bkp.repo.repository import Repository


@declare(
    ("bkp restore", "the latest snapshot, into a new directory here"),
    ("bkp restore latest --target /", "back to where everything was"),
    ("bkp restore 1a2b3c4d:/home/me/mail -t mail", "one directory of a snapshot"),
    ("bkp restore -i '*.jpg' -t pictures", "what a pattern matches"),
    ("bkp restore -t / --overwrite never", "only what is missing"),
    name="restore",
)
@click.argument("snapshot", default="latest", metavar="[SNAPSHOT[:PATH]]")
@click.option("-t", "--target", metavar="DIR", help="Where to.  [default: ./restore-<id>]")
@restore_patterns
@click.option(
    "--overwrite",
    type=click.Choice([choice.value for choice in Overwrite]),
    default=Overwrite.ALWAYS.value,
    help="What to do with files that are there already.  [default: always]",
)
@click.option("--delete", is_flag=True, help="Remove what the snapshot does not have.")
@click.option("-n", "--dry-run", is_flag=True, help="Change nothing, tell what would be done.")
@click.option("--verify", is_flag=True, help="Read everything back after it was written.")
@click.option("--sparse/--no-sparse", default=True, help="Leave holes for zeros.  [default: on]")
@snapshot_filters
@click.pass_context
def command(
    ctx: click.Context,
    /,
    snapshot: str,
    target: str | None,
    overwrite: str,
    delete: bool,
    dry_run: bool,
    verify: bool,
    sparse: bool,
    hosts: Sequence[str],
    tags: Sequence[str],
    paths: Sequence[str],
    **patterns: Sequence[str],
) -> int:
    """Bring back a snapshot, or the part of it at PATH.

    Contents, modes, owners, times, extended attributes, links, devices and
    holes are restored.  What cannot be is reported, and the exit code is 3.
    """
    settings = settings_of(ctx)
    report = RestoreReport(settings)
    repo = open_unindexed(settings, report)
    options = RestoreOptions(
        selection=patterns_from(patterns),
        overwrite=Overwrite(overwrite),
        delete=delete,
        dry_run=dry_run,
        verify=verify,
        sparse=sparse,
        list_entries=report.wants_entries,
    )
    with repo.reading():
        repo.load_intact_index()
        place = find_place(repo, parse_operand(snapshot), filter_from(hosts, tags, paths).matches)
        directory = Path(target) if target is not None else _new_directory(place, dry_run=dry_run)
        if not place.is_directory:
            place, selection = _alone(repo, place, options.selection)
            options = replace(options, selection=selection)
        with report:
            stats = restore(repo, place.tree, directory, options, report)
    if not settings.quiet and not settings.json:
        line(f"snapshot {place.saved.id.hex()[:8]} into {directory}")
    report.summarize(stats, dry_run=dry_run)
    return report.exit_code(stats)


def _alone(repo: Repository, place: Place, selection: Selection) -> tuple[Place, Selection]:
    """Return the directory a file is in, and what means the file alone."""
    if not selection.is_everything:
        raise UsageError(
            f"{os.fsdecode(place.path)} is a single file; patterns choose nothing in it"
        )
    above, _, name = place.path.rpartition(b"/")
    directory = place_in(repo, place.saved, above or b"/")
    return directory, Selection(include=Exactly(b"/" + name))


def _new_directory(place: Place, *, dry_run: bool) -> Path:
    """Choose a directory that is not there yet, so that nothing can be overwritten."""
    directory = Path(f"restore-{place.saved.id.hex()[:8]}")
    if not dry_run and os.path.lexists(directory):
        raise UsageError(f"{directory} exists already; --target says where to restore to")
    return directory
