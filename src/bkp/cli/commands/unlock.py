"""bkp unlock: remove locks that nobody holds any more."""

import click

from bkp.cli.events import Problems
from bkp.cli.opening import open_unindexed
from bkp.cli.options import declare, settings_of
from bkp.cli.output import line


@declare(
    ("bkp unlock", "remove the locks of processes that are gone"),
    ("bkp unlock --remove-all", "remove every lock, even those in use"),
    name="unlock",
)
@click.option("--remove-all", is_flag=True, help="Remove locks that are in use as well.")
@click.pass_context
def command(ctx: click.Context, remove_all: bool) -> None:
    """Remove locks that dead processes left.

    A lock is taken for dead if its process is gone from this machine, or if
    it has not been refreshed for half an hour.  Locks that are certainly dead
    are removed by any command that meets them; only those of other programs
    that were killed less than half an hour ago need this.
    """
    settings = settings_of(ctx)
    repo = open_unindexed(settings, Problems(settings))
    removed = repo.remove_locks(even_live=remove_all)
    if not settings.quiet and not settings.json:
        line(f"removed {removed} locks")
