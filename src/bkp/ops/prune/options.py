"""What a prune may be asked to do."""

from dataclasses import dataclass

from .plan import Limit

KEEP_DELETE = 23 * 3600  # seconds, rustic's default: no snapshot should take longer


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneOptions:
    """What to free; sizes in bytes, times in seconds.

    Packs wait `keep_delete` between being marked and being deleted; `at_once`
    deletes them now, under an exclusive lock.  With `no_free_space`, which
    needs that, as little as possible is written before something was deleted:
    stopped in the middle, the index may have to be repaired.
    """

    max_unused: Limit
    max_repack: float = float("inf")
    repack_smaller: int | None = None
    only_trees: bool = False
    uncompressed_too: bool = False
    keep_delete: float = KEEP_DELETE
    at_once: bool = False
    no_free_space: bool = False
    dry_run: bool = False
