"""Decide what becomes of each pack: pure.

Packs that are used in full stay, those of which nothing is used go.  Of the
others as many are repacked as the limits ask for: those of trees first, which
every run reads, then small ones, then those of which most is unused.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bkp.formats.index import IndexedPack
from bkp.formats.pack import BlobType
from bkp.ids import PackId
from bkp.repo.marks import Mark

from .survey import PackUse, Survey

_FEW = 10  # so many small packs are not worth repacking
_SMALL_SHARE = 0.8
_SMALL_PERCENTILE = 3
_LEAST_PACK = 4 << 20  # bytes, restic's smallest pack size

Limit = Callable[[int], float]
"""Given the bytes that are used, the bytes that may stay unused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """Sizes in bytes; `repack_smaller` None means what is small beside the others."""

    pack_size: int
    max_unused: Limit
    max_repack: float = float("inf")
    repack_smaller: int | None = None
    only_trees: bool = False
    uncompressed_too: bool = False
    can_compress: bool = True  # the repository's version is not 1
    is_ripe: Callable[[Mark], bool] = lambda _: False


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with packs that do not just stay."""

    unused: list[PackUse] = field(default_factory=list)
    repack: list[PackUse] = field(default_factory=list)
    rescue: list[IndexedPack] = field(default_factory=list)  # marked, but needed again
    delete: list[Mark] = field(default_factory=list)  # marked long ago, by nobody needed
    wait: list[Mark] = field(default_factory=list)  # marked not long ago
    unindexed: dict[PackId, int] = field(default_factory=dict)  # with their bytes
    missing: list[PackId] = field(default_factory=list)  # in the index, but not there or needed
    kept_used: int = 0  # bytes, of what stays as it is
    kept_unused: int = 0

    def postponed(self) -> "Plan":
        """Return what is left to do if nothing may leave the index."""
        sizes = sum(pack.size for pack in self.unused)
        used = sum(pack.used_size for pack in self.repack)
        unused = sum(pack.unused_size for pack in self.repack)
        return replace(
            self,
            unused=[],
            repack=[],
            missing=[],
            kept_used=self.kept_used + used,
            kept_unused=self.kept_unused + unused + sizes,
        )


def make_plan(survey: Survey, options: PlanOptions) -> Plan:
    """Return what to do."""
    packs = survey.packs.values()
    used_size = sum(pack.used_size for pack in packs)
    unused_size = sum(pack.unused_size for pack in packs)
    unused = [pack for pack in packs if not pack.used_blobs]
    partly = [pack for pack in packs if pack.used_blobs]
    chosen = _choose(partly, options, used_size, unused_size - _unused(unused))
    repacked = {pack.id for pack in chosen}
    kept = [pack for pack in partly if pack.id not in repacked]
    there = [mark for pack, mark in survey.marks.items() if pack in survey.sizes]
    marks = [mark for mark in there if mark.pack.id not in survey.rescued]
    known = {*survey.packs, *survey.marks}
    return Plan(
        unused=[pack for pack in unused if pack.id in survey.sizes],
        repack=chosen,
        rescue=list(survey.rescued.values()),
        delete=[mark for mark in marks if options.is_ripe(mark)],
        wait=[mark for mark in marks if not options.is_ripe(mark)],
        unindexed={pack: size for pack, size in survey.sizes.items() if pack not in known},
        missing=[pack.id for pack in unused if pack.id not in survey.sizes],
        kept_used=sum(pack.used_size for pack in kept),
        kept_unused=_unused(kept),
    )


def _unused(packs: list[PackUse]) -> int:
    return sum(pack.unused_size for pack in packs)


def _choose(
    packs: list[PackUse], options: PlanOptions, used_size: int, unused_size: int
) -> list[PackUse]:
    """Return what to repack, of packs some of which is used."""
    limit = options.max_unused(used_size)
    left = unused_size
    repacked = 0
    chosen = []
    for pack in _candidates(packs, options):
        if repacked + pack.size > options.max_repack:
            continue
        is_forced = _is_of_trees(pack) or _must_compress(pack, options)
        if not is_forced and left <= limit and pack.size >= options.pack_size:
            continue
        chosen.append(pack)
        repacked += pack.size
        left -= pack.unused_size
    return chosen


def _candidates(packs: list[PackUse], options: PlanOptions) -> list[PackUse]:
    small_size = _small_size(packs, options)
    candidates = []
    small = []
    for pack in packs:
        if options.only_trees and pack.kinds == {BlobType.DATA}:
            continue
        is_good = len(pack.kinds) == 1 and not pack.unused_blobs
        if not is_good or _must_compress(pack, options):
            candidates.append(pack)
        elif pack.size < small_size:
            small.append(pack)
    if len(small) >= _FEW:
        candidates += small
    return sorted(candidates, key=lambda pack: _order(pack, small_size))


def _order(pack: PackUse, small_size: float) -> tuple[bool, bool, float, PackId]:
    """Sort what is to be repacked first to the front."""
    return (
        not _is_of_trees(pack),
        pack.size >= small_size,
        -pack.unused_size / max(pack.used_size, 1),
        pack.id,
    )


def _small_size(packs: list[PackUse], options: PlanOptions) -> float:
    if options.repack_smaller is not None:
        return options.repack_smaller
    sizes = sorted(pack.size for pack in packs)
    typical = sizes[len(sizes) * _SMALL_PERCENTILE // 100] if sizes else 0
    return _SMALL_SHARE * min(max(_LEAST_PACK, typical), options.pack_size)


def _is_of_trees(pack: PackUse) -> bool:
    return pack.kinds != {BlobType.DATA}


def _must_compress(pack: PackUse, options: PlanOptions) -> bool:
    if pack.is_compressed or not options.can_compress:
        return False
    return _is_of_trees(pack) or options.uncompressed_too
