"""bkp forget: remove snapshots by rules, or by name."""

from collections.abc import Sequence
from typing import Any

import click

from bkp.cli.events import Problems
from bkp.cli.filters import filter_from, snapshot_filters_without_short
from bkp.cli.forget_report import groups_json, print_groups
from bkp.cli.opening import open_unindexed
from bkp.cli.options import declare, settings_of
from bkp.cli.output import json_line, line
from bkp.cli.prune_options import prune_options, prune_options_from, require_consent
from bkp.cli.prune_report import report_prune
from bkp.cli.stage_report import StageReport
from bkp.errors import UsageError
from bkp.ids import SnapshotId
from bkp.ops.forget.policy import UNLIMITED, Period, Policy
from bkp.ops.forget.run import ForgetOptions, Group, plan, remove_snapshots
from bkp.ops.grouping import GroupBy
from bkp.ops.prune.options import PruneOptions
from bkp.ops.prune.run import prune
from bkp.repo.repository import Repository
from bkp.times import local_zone, now

_COUNTED = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
_SHORT = dict(zip(_COUNTED, ("-l", "-H", "-d", "-w", "-m", "-y"), strict=True))


def _keep_options(function: Any) -> Any:
    for name in reversed(_COUNTED[1:]):
        function = click.option(
            f"--keep-within-{name}",
            metavar="PERIOD",
            help=f"Keep the {name} ones that are not older than the newest by PERIOD.",
        )(function)
    function = click.option(
        "--keep-within",
        metavar="PERIOD",
        help="Keep all that are not older than the newest by PERIOD, as in 1y6m7d12h.",
    )(function)
    for name in reversed(_COUNTED):
        what = "N newest" if name == "last" else f"newest of each of N {_unit(name)}"
        help_text = f"Keep the {what}; N may be `unlimited`."
        function = click.option(_SHORT[name], f"--keep-{name}", metavar="N", help=help_text)(
            function
        )
    return function


def _unit(name: str) -> str:
    return {"daily": "days"}.get(name, name.removesuffix("ly") + "s")


@declare(
    ("bkp forget --keep-daily 7 --keep-weekly 5 --keep-yearly unlimited", "thin out"),
    ("bkp forget --keep-within 2m --dry-run", "see what would be removed"),
    ("bkp forget 1a2b3c4d", "remove one"),
    name="forget",
)
@click.argument("ids", nargs=-1, metavar="[SNAPSHOT]...")
@_keep_options
@click.option(
    "--keep-tag",
    "keep_tags",
    multiple=True,
    metavar="TAG[,TAG]",
    help="Keep those with all these tags.",
)
@click.option(
    "-g",
    "--group-by",
    default="host,paths",
    metavar="FIELDS",
    help="Apply the rules to each group by itself.  [default: host,paths]",
)
@click.option(
    "--unsafe-allow-remove-all",
    is_flag=True,
    help="Without rules, remove all that --host, --tag or --path choose.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Remove nothing, print what would be.")
@click.option("--prune", "prunes", is_flag=True, help="Then free what no snapshot needs.")
@prune_options
@click.option("-c", "--compact", is_flag=True, help="Print less about each.")
@snapshot_filters_without_short
@click.pass_context
def command(
    ctx: click.Context,
    /,
    ids: Sequence[str],
    keep_tags: Sequence[str],
    group_by: str,
    unsafe_allow_remove_all: bool,
    dry_run: bool,
    prunes: bool,
    compact: bool,
    hosts: Sequence[str],
    tags: Sequence[str],
    paths: Sequence[str],
    **values: Any,
) -> int:
    """Remove snapshots that no rule keeps, or those that are named.

    Rules count from the newest snapshot on, in each group of those of one host
    and the same paths.  What only the removed ones held stays until `bkp
    prune` frees it, or `--prune`, which takes the options of that.
    """
    settings = settings_of(ctx)
    problems = Problems(settings)
    options = ForgetOptions(
        policy=_policy(values, keep_tags),
        group_by=GroupBy.parse(group_by),
        wanted=filter_from(hosts, tags, paths),
        allow_remove_all=unsafe_allow_remove_all,
    )
    pruning = prune_options_from(values, dry_run=dry_run)
    repo = open_unindexed(settings, problems)
    require_consent(values, repo)
    groups: list[Group] = []
    if ids:
        names = [_named(repo, name, options) for name in ids]
    else:
        groups = plan(repo.snapshots.load_all(), options, now(), local_zone())
        names = [saved.id for group in groups for saved in group.decision.remove]
    if not settings.json and not settings.quiet:
        print_groups(groups, options.policy, compact=compact)
    gone = [] if dry_run or not names else _remove(repo, names, pruning, problems)
    if settings.json:
        json_line(groups_json(groups))
    elif not settings.quiet:
        line(
            f"would remove {len(names)} snapshots" if dry_run else f"removed {len(gone)} snapshots"
        )
    code = problems.incomplete_code()
    if prunes:
        with StageReport(settings, "pruning") as report:
            result = prune(repo, pruning, report, without=names if dry_run else gone)
        report_prune(settings, result, dry_run=dry_run)
        code = code or report.failure_code()
    return code


def _remove(
    repo: Repository, names: Sequence[SnapshotId], pruning: PruneOptions, problems: Problems
) -> list[SnapshotId]:
    with repo.lock(do_without_room=pruning.no_free_space) as lock:
        return remove_snapshots(repo, lock, names, problems)


def _named(repo: Repository, name: str, options: ForgetOptions) -> SnapshotId:
    """Return the snapshot of that name, even if it is damaged."""
    if name.startswith("latest"):
        return repo.snapshots.find(name, options.wanted.matches, to_change=True).id
    return repo.snapshots.find_id(name)


def _policy(rules: dict[str, Any], keep_tags: Sequence[str]) -> Policy:
    counts = {name: _count(rules[f"keep_{name}"]) for name in _COUNTED}
    within = {
        name.removeprefix("keep_"): Period.parse(text)
        for name, text in rules.items()
        if name.startswith("keep_within") and text
    }
    return Policy(tag_lists=tuple(tags.split(",") for tags in keep_tags), **counts, **within)  # type: ignore[arg-type]


def _count(text: str | None) -> int:
    if text is None:
        return 0
    if text in ("unlimited", "-1"):
        return UNLIMITED
    if not text.isdecimal():
        raise UsageError(f"{text!r} is not a number of snapshots; `unlimited` keeps all")
    return int(text)
