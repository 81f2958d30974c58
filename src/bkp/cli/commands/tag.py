"""bkp tag: change the tags of snapshots."""

from collections.abc import Sequence

import click

from bkp.cli.events import Problems
from bkp.cli.filters import filter_from, snapshot_filters
from bkp.cli.opening import open_unindexed
from bkp.cli.options import declare, settings_of
from bkp.cli.replaced_report import report_replaced
from bkp.ops.edit.tagging import TagChange, change_tags
from bkp.ops.select import chosen


@declare(
    ("bkp tag --add monthly latest", "give the latest one more tag"),
    ("bkp tag --remove old --host cellar", "take one from all of a host"),
    ("bkp tag --set '' 1a2b3c4d", "take all"),
    name="tag",
)
@click.argument("ids", nargs=-1, metavar="[SNAPSHOT]...")
@click.option("--add", multiple=True, metavar="TAG[,TAG]", help="Add these.")
@click.option("--remove", multiple=True, metavar="TAG[,TAG]", help="Remove these.")
@click.option(
    "--set", "instead", multiple=True, metavar="TAG[,TAG]", help="Have just these; '' means none."
)
@snapshot_filters
@click.pass_context
def command(
    ctx: click.Context,
    ids: Sequence[str],
    add: Sequence[str],
    remove: Sequence[str],
    instead: Sequence[str],
    hosts: Sequence[str],
    tags: Sequence[str],
    paths: Sequence[str],
) -> int:
    """Change the tags of snapshots: of those named, or of all that the filters choose.

    A snapshot that is changed gets a new id.
    """
    settings = settings_of(ctx)
    change = TagChange(
        instead=_split(instead) if instead else None, add=_split(add), remove=_split(remove)
    )
    problems = Problems(settings)
    repo = open_unindexed(settings, problems)
    with repo.lock() as lock:
        wanted = filter_from(hosts, tags, paths)
        snapshots = chosen(repo.snapshots, ids, wanted, to_change=True)
        report_replaced(settings, change_tags(repo, lock, snapshots, change), dry_run=False)
    return problems.failure_code()


def _split(given: Sequence[str]) -> tuple[str, ...]:
    return tuple(tag for tags in given for tag in tags.split(",") if tag)
