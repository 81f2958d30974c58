"""Marks on packs that are to be deleted, and who may still rely on these.

A pack that nothing needs is marked first and deleted by a later run.  Whoever
began before the mark was to be seen may rely on the pack, so a mark names the
processes that held a lock once it was.  Time alone would not do: clocks differ,
and machines sleep in the middle of a run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bkp.errors import Missing
from bkp.formats.index import IndexedPack, Writer
from bkp.formats.pack import BlobType
from bkp.ids import BlobId, PackId
from bkp.store.base import Store
from bkp.times import parse_time

from .envelope import Envelope
from .index import BlobIndex
from .locking import list_locks

_LOOKS = 2  # a lock that is being refreshed while one looks can be missed once


@dataclass(frozen=True, slots=True)
class Mark:
    """A marked pack.

    `time_ns` is when it was marked, None if that is not known; `writers` are
    those who may rely on it, None if nobody looked.
    """

    pack: IndexedPack
    time_ns: int | None
    writers: frozenset[Writer] | None

    def joined(self, other: "Mark") -> "Mark":
        """Return a mark that is not less careful than both."""
        known = self.writers is not None and other.writers is not None
        times = self.time_ns is not None and other.time_ns is not None
        return Mark(
            self.pack if self.pack.blobs else other.pack,
            max(self.time_ns or 0, other.time_ns or 0) if times else None,
            (self.writers or frozenset()) | (other.writers or frozenset()) if known else None,
        )


def read_marks(
    found: Iterable[tuple[Iterable[IndexedPack], frozenset[Writer] | None]],
) -> dict[PackId, Mark]:
    """Return the marks of all index objects, given as what they mark and their writers."""
    marks: dict[PackId, Mark] = {}
    for packs, writers in found:
        for pack in packs:
            mark = Mark(pack, _time(pack), writers)
            other = marks.get(pack.id)
            marks[pack.id] = mark if other is None else mark.joined(other)
    return marks


def unmarked_for(
    marks: Mapping[PackId, Mark], marked: BlobIndex, needed: Iterable[tuple[BlobType, BlobId]]
) -> list[IndexedPack]:
    """Return marked packs in which some blobs are, few if possible, as an index names them.

    Raises Missing for a blob that is in none.
    """
    chosen: dict[PackId, IndexedPack] = {}
    covered: set[tuple[BlobType, bytes]] = set()
    for kind, name in needed:
        if (kind, name) in covered:
            continue
        place = next(iter(marked.places(kind, name)), None)
        if place is None:
            raise Missing(f"{kind.name.lower()} blob {name.hex()} is needed, and in no index")
        pack = marks[place.pack].pack
        chosen[place.pack] = IndexedPack(pack.id, pack.blobs)
        covered.update((blob.type, blob.id) for blob in pack.blobs)
    return list(chosen.values())


def _time(pack: IndexedPack) -> int | None:
    try:
        return parse_time(pack.time) if pack.time else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Others:
    """Who else holds a lock; None if one cannot be read.

    With `strangers` among them who know no marks: other programs, or who knows.
    """

    holders: frozenset[Writer] | None
    strangers: bool


def others(store: Store, envelope: Envelope, but: str) -> Others:
    """Return who holds a lock, but for the one with a given id."""
    holders = set()
    strangers = False
    for _ in range(_LOOKS):
        for found in list_locks(store, envelope):
            if found.lock is None:
                return Others(None, strangers=True)
            if found.id != but:
                holders.add(Writer(found.lock.hostname, found.lock.pid))
                strangers |= not found.lock.bkp_space
    return Others(frozenset(holders), strangers)
