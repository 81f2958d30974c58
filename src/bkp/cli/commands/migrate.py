"""bkp migrate: bring a repository to a newer version of its format."""

from collections.abc import Sequence

import click

from bkp.cli import exits
from bkp.cli.opening import open_unindexed
from bkp.cli.options import declare, settings_of
from bkp.cli.output import fail, line
from bkp.cli.stage_report import StageReport
from bkp.ops.check.run import check
from bkp.ops.migrate import UPGRADE_TO_2, applicable, migrate


@declare(
    ("bkp migrate", "see what can be done"),
    (f"bkp migrate {UPGRADE_TO_2}", "from version 1 to version 2, which compresses"),
    ("bkp prune --repack-uncompressed", "then, if you like, compress what is there"),
    name="migrate",
)
@click.argument("names", nargs=-1, metavar="[MIGRATION]...")
@click.pass_context
def command(ctx: click.Context, names: Sequence[str]) -> int:
    """Bring the repository to a newer version of its format.

    It is checked before, and not touched if anything is wrong.  Without a
    name, lists what can be done.  Nobody else may work meanwhile.
    """
    settings = settings_of(ctx)
    with StageReport(settings, "checking") as report:
        repo = open_unindexed(settings, report)
        if not names:
            for name, what in applicable(repo).items():
                line(f"{name}  {what}")
            return exits.OK
        if not check(repo, None, report).is_sound:
            reason = "nothing was changed; first repair what is wrong"
            return fail(settings, exits.FAILURE, reason)
        with repo.lock(exclusive=True) as lock:
            for name in names:
                migrate(repo, lock, name)
                line(f"done: {name}")
    return exits.OK
