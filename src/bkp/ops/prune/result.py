"""What a prune did, or would do."""

from dataclasses import dataclass

from .options import PruneOptions
from .plan import Plan
from .survey import Survey

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class PruneResult:
    """What was done, or would be; sizes in bytes.

    `freed` are gone, `pending` go with the first run after `pending_until`
    (ns), `added` is what repacking stored.
    """

    plan: Plan
    snapshots: int
    used_blobs: int
    freed_packs: int
    freed: int
    pending_packs: int
    pending: int
    pending_until: int
    repacked: int
    added: int


def sum_up(
    plan: Plan,
    found: Survey,
    options: PruneOptions,
    *,
    snapshots: int,
    added: int,
    now_ns: int,
) -> PruneResult:
    """Return what comes of a plan that was carried out."""
    marked = [pack.id for pack in plan.unused + plan.repack] + list(plan.unindexed)
    waiting = [] if options.at_once else marked + [mark.pack.id for mark in plan.wait]
    freed = [mark.pack.id for mark in plan.delete] + (marked if options.at_once else [])
    return PruneResult(
        plan=plan,
        snapshots=snapshots,
        used_blobs=found.used_blobs,
        freed_packs=len(freed),
        freed=sum(found.sizes[pack] for pack in freed),
        pending_packs=len(waiting),
        pending=sum(found.sizes[pack] for pack in waiting),
        pending_until=now_ns + int(options.keep_delete * _NS) if waiting else 0,
        repacked=sum(pack.size for pack in plan.repack),
        added=added,
    )
