"""Remove snapshots: those a policy does not keep, or those that are named.

Only the snapshots go.  What they alone refer to stays until it is pruned, so a
snapshot that is being taken meanwhile, on top of one of these, loses nothing,
and a shared lock is enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bkp.errors import StoreError, UsageError
from bkp.events import Problem, Reporter
from bkp.ids import SnapshotId
from bkp.ops.grouping import GroupBy, GroupKey, grouped
from bkp.ops.select import SnapshotFilter
from bkp.repo.locking import Lock
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.times import Zone

from .policy import Decision, Policy, decide


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetOptions:
    """Which snapshots are looked at, and by which rules.

    Removing every snapshot of a group needs `allow_remove_all`, and then a
    filter that says of which.
    """

    policy: Policy
    group_by: GroupBy = GroupBy()
    wanted: SnapshotFilter = field(default_factory=SnapshotFilter)
    allow_remove_all: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """What becomes of one group."""

    key: GroupKey
    decision: Decision


def plan(
    snapshots: Sequence[SavedSnapshot], options: ForgetOptions, now_ns: int, local: Zone
) -> list[Group]:
    """Decide about all snapshots that are wanted.

    Raises UsageError for a policy that keeps nothing of a group, unless that
    is what was asked for.
    """
    policy = options.policy
    if policy.is_empty:
        if not options.allow_remove_all:
            raise UsageError("nothing says what to keep; see the --keep options")
        if options.wanted == SnapshotFilter():
            raise UsageError("--unsafe-allow-remove-all needs --host, --tag or --path beside it")
    wanted = [saved for saved in snapshots if options.wanted.matches(saved.snapshot)]
    groups = [
        Group(key, decide(members, policy, now_ns, local))
        for key, members in grouped(wanted, options.group_by).items()
    ]
    for group in groups:
        if not policy.is_empty and not group.decision.keep:
            of_what = f" of {group.key}" if str(group.key) else ""
            raise UsageError(f"this would keep no snapshot{of_what}; nothing was removed")
    return groups


def remove_snapshots(
    repo: Repository, lock: Lock, names: Sequence[SnapshotId], report: Reporter
) -> list[SnapshotId]:
    """Remove snapshots and return those that are gone; what fails is reported."""
    lock.confirm()
    removed = []
    for name in names:
        lock.ensure()
        try:
            repo.snapshots.remove(name)
        except StoreError as error:
            report(Problem("forget", f"snapshots/{name.hex()}".encode(), str(error)))
        else:
            removed.append(name)
    return removed
