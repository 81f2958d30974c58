"""bkp repair: bring back to order what was damaged, and save what is left."""

from collections.abc import Sequence
from pathlib import Path

import click

from bkp.cli import exits
from bkp.cli.filters import filter_from, snapshot_filters
from bkp.cli.opening import open_unindexed
from bkp.cli.options import Command, Settings, declare_group, examples, settings_of
from bkp.cli.output import json_line, line, notice
from bkp.cli.replaced_report import report_replaced
from bkp.cli.stage_report import StageReport
from bkp.errors import BkpError, UsageError
from bkp.ids import PackId, parse_id
from bkp.ops.repair.index import IndexRepair, repair_index
from bkp.ops.repair.packs import PackRepair, repair_packs
from bkp.ops.repair.snapshots import RepairOptions, remove_unreadable, repair_snapshots
from bkp.ops.select import chosen
from bkp.repo.repository import Repository
from bkp.store.base import Kind, ObjectName

command = declare_group(
    "repair",
    "Bring back to order what was damaged.\n\n`bkp check` says which of these helps.  First the "
    "index, then the packs it names, and snapshots at last; a `bkp snapshot` after that stores "
    "anew what was lost and is still on disk.",
)


@command.command(cls=Command, epilog=examples(("bkp repair index", "after `bkp check` said so")))
@click.option("--read-all-packs", is_flag=True, help="Make it anew from all packs.")
@click.pass_context
def index(ctx: click.Context, read_all_packs: bool) -> int:
    """Make the index say what is in the packs that are there."""
    settings = settings_of(ctx)
    with StageReport(settings, "repairing") as report:
        repo = open_unindexed(settings, report)
        with repo.lock(exclusive=True) as lock:
            result = repair_index(repo, lock, report, read_all=read_all_packs)
    if settings.json:
        json_line(_index_json(result))
    elif not settings.quiet:
        _print_index(result)
    return exits.FAILURE if result.unreadable else exits.OK


def _print_index(result: IndexRepair) -> None:
    if not result.changes:
        line("nothing was wrong with the index")
    for names, what in (
        (result.damaged, "damaged index objects replaced"),
        (result.added, "packs added that were in no index"),
        (result.reread, "packs read again that had another size"),
        (result.missing, "packs forgotten that are not there"),
        (result.unreadable, "packs left as they were, for their headers cannot be read"),
    ):
        if names:
            line(f"{len(names)} {what}")


def _index_json(result: IndexRepair) -> dict[str, object]:
    return {
        "message_type": "summary",
        "damaged_indexes": [name.id for name in result.damaged],
        "packs_added": [pack.hex() for pack in result.added],
        "packs_read_again": [pack.hex() for pack in result.reread],
        "packs_forgotten": [pack.hex() for pack in result.missing],
        "packs_unreadable": [pack.hex() for pack in result.unreadable],
    }


@command.command(
    cls=Command, epilog=examples(("bkp repair packs 1a2b3c...", "a pack that `bkp check` named"))
)
@click.argument("ids", nargs=-1, required=True, metavar="PACK...")
@click.pass_context
def packs(ctx: click.Context, ids: Sequence[str]) -> int:
    """Save what is intact in damaged packs, and remove them.

    A copy of each is kept in the present directory, as `pack-` and its id.  A
    pack of which a part cannot be read now, though it is there, stays.
    """
    settings = settings_of(ctx)
    names = [_pack_id(given) for given in ids]
    with StageReport(settings, "repairing") as report:
        repo = open_unindexed(settings, report)
        with repo.lock(exclusive=True) as lock:
            repo.load_index()
            for name in names:
                _keep_copy(settings, repo, name)
            result = repair_packs(repo, lock, names, report)
    if settings.json:
        json_line(_packs_json(result))
    else:
        line(f"saved {result.saved} blobs of {len(result.packs)} packs; lost {len(result.lost)}")
        if result.lost:
            line("`bkp repair snapshots` takes what is lost out of the snapshots")
    return exits.FAILURE if result.left else exits.OK


def _pack_id(given: str) -> PackId:
    try:
        return PackId(parse_id(given.removeprefix("data/")))
    except ValueError:
        raise UsageError(f"{given!r} is no id of a pack: it has 64 hex digits") from None


def _keep_copy(settings: Settings, repo: Repository, pack: PackId) -> None:
    """Keep what is there of a pack; it cannot be had again."""
    path = Path(f"pack-{pack.hex()}")
    try:
        data = repo.store.get(ObjectName(Kind.PACK, pack.hex()))
    except BkpError as error:
        notice(settings, f"no copy is kept: {error}")
        return
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise UsageError(f"{path} exists already; is it the copy of an earlier try?") from None
    except OSError as error:
        raise UsageError(f"no copy can be kept here: {path}: {error.strerror}") from error


def _packs_json(result: PackRepair) -> dict[str, object]:
    return {
        "message_type": "summary",
        "packs": [pack.hex() for pack in result.packs],
        "blobs_saved": result.saved,
        "blobs_lost": [blob.id.hex() for blob in result.lost],
        "packs_left": [pack.hex() for pack in result.left],
    }


@command.command(
    cls=Command,
    epilog=examples(
        ("bkp repair snapshots --dry-run", "see what is lost"),
        ("bkp repair snapshots --forget", "keep what is left, and no damaged snapshot"),
    ),
)
@click.argument("ids", nargs=-1, metavar="[SNAPSHOT]...")
@click.option("--forget", is_flag=True, help="Remove the damaged originals.")
@click.option("-n", "--dry-run", is_flag=True, help="Change nothing, print what would be.")
@snapshot_filters
@click.pass_context
def snapshots(
    ctx: click.Context,
    ids: Sequence[str],
    forget: bool,
    dry_run: bool,
    hosts: Sequence[str],
    tags: Sequence[str],
    paths: Sequence[str],
) -> int:
    """Make damaged snapshots restorable without what is lost.

    Files keep what is left of them.  The originals stay, and what comes of
    them is tagged `repaired`, unless --forget removes them.
    """
    settings = settings_of(ctx)
    options = RepairOptions(forget=forget, dry_run=dry_run)
    with StageReport(settings, "repairing") as report:
        repo = open_unindexed(settings, report)
        with repo.lock() as lock:
            left = remove_unreadable(repo, lock, ids, options, report)
            wanted = filter_from(hosts, tags, paths)
            gone = report.count
            found = chosen(repo.snapshots, left, wanted, to_change=True) if left or not ids else []
            damaged = report.count - gone
            repo.load_index()
            replaced = repair_snapshots(repo, lock, found, options, report)
            report_replaced(settings, replaced, dry_run=dry_run)
    return exits.FAILURE if damaged else exits.OK
