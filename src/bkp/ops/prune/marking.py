"""The marks that are to be there after a prune: since when, and who may rely on the pack."""

from collections.abc import Container, Iterable
from dataclasses import replace

from bkp.formats.index import IndexedPack, Writer
from bkp.formats.pack import PackedBlob
from bkp.ids import PackId
from bkp.repo.index import BlobIndex
from bkp.repo.marks import Mark
from bkp.times import UTC, format_time

from .plan import Plan


def marks_after(plan: Plan, leaving: Iterable[PackId], index: BlobIndex, now_ns: int) -> list[Mark]:
    """Return all marks: those of what leaves the index, or is in none, and those that wait.

    Who may rely on what is marked just now is not known yet.
    """
    text = format_time(now_ns, UTC)
    blobs = _blobs_of(set(leaving) - set(plan.missing), index)
    new = [IndexedPack(pack, held, text) for pack, held in blobs.items()]
    new += [IndexedPack(pack, [], text, size) for pack, size in plan.unindexed.items()]
    return [
        *(Mark(pack, now_ns, None) for pack in new),
        *(_dated(mark, text, now_ns) for mark in plan.wait),
    ]


def _dated(mark: Mark, text: str, now_ns: int) -> Mark:
    """Give a mark of others that says no time the present one."""
    if mark.time_ns is not None:
        return mark
    return Mark(replace(mark.pack, time=text), now_ns, mark.writers)


def are_new(marks: Iterable[Mark]) -> bool:
    """Say whether it has still to be found out who may rely on some of them."""
    return any(mark.writers is None for mark in marks)


def with_writers(marks: list[Mark], writers: frozenset[Writer] | None) -> list[Mark]:
    """Add who may rely on what was marked just now; not, if that cannot be known."""
    if writers is None:
        return marks
    return [mark if mark.writers is not None else replace(mark, writers=writers) for mark in marks]


def unmarked(marks: Iterable[Mark], packs: Container[PackId]) -> list[IndexedPack]:
    """Return some of the packs as an index names them that are not marked."""
    chosen = (mark.pack for mark in marks if mark.pack.id in packs)
    return [IndexedPack(pack.id, pack.blobs) for pack in chosen]


def still_marked(marks: Iterable[Mark], packs: Container[PackId]) -> list[Mark]:
    """Return the marks of the others."""
    return [mark for mark in marks if mark.pack.id not in packs]


def _blobs_of(packs: set[PackId], index: BlobIndex) -> dict[PackId, list[PackedBlob]]:
    blobs: dict[PackId, list[PackedBlob]] = {pack: [] for pack in packs}
    for place in index.all_places():
        if place.pack in packs:
            blobs[place.pack].append(place.blob)
    for held in blobs.values():
        held.sort(key=lambda blob: blob.offset)
    return blobs
