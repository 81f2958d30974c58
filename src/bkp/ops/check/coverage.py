"""How much of the data is known to be intact, by this check and those before it."""

from collections.abc import Mapping
from dataclasses import dataclass

from bkp.ids import PackId
from bkp.repo.verified_packs import VerifiedPacks


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What is known of all packs that are there and in use.

    `bad` were damaged when they were verified last, `never` were not verified
    yet.  The others were, the first of them at `oldest_ns`.
    """

    packs: int
    bytes: int
    never: int
    bad: int
    oldest_ns: int | None  # since the epoch; None if there are no others
    is_kept: bool  # whether the next run will know of it


def coverage_of(sizes: Mapping[PackId, int], verified: VerifiedPacks) -> Coverage:
    """Return what is known of these packs, given with their sizes in bytes."""
    found = [verified.last(pack) for pack in sizes]
    times = [last.time_ns for last in found if last and last.is_sound]
    return Coverage(
        packs=len(sizes),
        bytes=sum(sizes.values()),
        never=found.count(None),
        bad=sum(1 for last in found if last and not last.is_sound),
        oldest_ns=min(times, default=None),
        is_kept=verified.is_kept,
    )
