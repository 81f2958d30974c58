"""Free what no snapshot needs, in two phases, while others go on.

The first marks packs: they leave the index, so that nobody new relies on them,
but are still read.  A later run deletes those that were marked long enough ago,
on which nobody can rely who did not see the mark, and that still nothing needs;
what is needed again it takes back.  So a shared lock is enough.

What is on disk if this is stopped anywhere: repacked blobs twice; index objects
of before and after, of which those of before count; packs that no index names
any more, which the next run marks.

With an exclusive lock (`at_once`) nobody can rely on anything, so there is one
phase, as in restic's prune.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from bkp.errors import NotFound
from bkp.events import Checked, Reporter
from bkp.formats.index import IndexedPack, Writer
from bkp.formats.pack import BlobType, PackedBlob
from bkp.ids import BlobId, PackId, SnapshotId
from bkp.repo.blobset import BlobSet
from bkp.repo.index import BlobIndex
from bkp.repo.index_rewriting import IndexRewriter
from bkp.repo.locking import Lock
from bkp.repo.marks import Mark, lock_holders
from bkp.repo.repository import Repository
from bkp.repo.writer import BlobWriter
from bkp.store.base import Kind, ObjectName
from bkp.times import UTC, format_time, now

from .plan import Limit, Plan, PlanOptions, make_plan
from .survey import PackUse, Survey, require_sound, survey
from .used import used_blobs

KEEP_DELETE = 23 * 3600  # seconds, rustic's default: no snapshot should take longer

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneOptions:
    """What to free; sizes in bytes, times in seconds.

    Packs wait `keep_delete` between being marked and being deleted; `at_once`
    deletes them now, under an exclusive lock.
    """

    max_unused: Limit
    max_repack: float = float("inf")
    repack_smaller: int | None = None
    only_trees: bool = False
    uncompressed_too: bool = False
    keep_delete: float = KEEP_DELETE
    at_once: bool = False
    dry_run: bool = False


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


def prune(
    repo: Repository,
    options: PruneOptions,
    report: Reporter,
    *,
    without: Iterable[SnapshotId] = (),
    clock: Callable[[], int] = now,
) -> PruneResult:
    """Free what no snapshot needs but those in `without`, which are about to go.

    Raises IntegrityError if anything that is needed is missing or damaged:
    then nothing was taken away.
    """
    with repo.lock(exclusive=options.at_once) as lock:
        return _Prune(repo, options, lock, report, clock).run(frozenset(without))


class _Prune:
    """One run."""

    def __init__(
        self,
        repo: Repository,
        options: PruneOptions,
        lock: Lock,
        report: Reporter,
        clock: Callable[[], int],
    ) -> None:
        self._repo = repo
        self._options = options
        self._lock = lock
        self._report = report
        self._clock = clock
        self._writers: frozenset[Writer] | None = None

    def run(self, without: frozenset[SnapshotId]) -> PruneResult:
        # In this order: whoever holds no lock any more has stored its snapshot, and what a
        # snapshot needs was indexed before it.
        self._writers = self._others()
        roots = self._roots(without)
        self._repo.load_index()
        used = used_blobs(self._repo, roots, self._report)
        found = survey(self._repo, used)
        require_sound(found)
        plan = make_plan(found, self._plan_options())
        added = 0
        if not self._options.dry_run:
            added = self._apply(plan, found, used)
        return self._result(plan, found, len(roots), len(used), added)

    def _roots(self, without: frozenset[SnapshotId]) -> list[BlobId]:
        """Return the trees of all snapshots.

        One that is being replaced by another (as tags are changed) could be
        missed by a single look: the new one not there yet, the old one gone
        before it was read.
        """
        roots: list[BlobId] = []
        seen = set(without)
        while new := set(self._repo.snapshots.ids()) - seen:
            seen |= new
            for name in new:
                with suppress(NotFound):
                    roots.append(self._repo.snapshots.load(name).tree)
        return roots

    def _others(self) -> frozenset[Writer] | None:
        return lock_holders(self._repo.store, self._repo.envelope, self._lock.id)

    def _plan_options(self) -> PlanOptions:
        options = self._options
        return PlanOptions(
            pack_size=self._repo.pack_size,
            max_unused=options.max_unused,
            max_repack=options.max_repack,
            repack_smaller=options.repack_smaller,
            only_trees=options.only_trees,
            uncompressed_too=options.uncompressed_too,
            can_compress=self._repo.config.version > 1,
            is_ripe=self._is_ripe,
        )

    def _is_ripe(self, mark: Mark) -> bool:
        """Say whether a marked pack may be deleted if nothing needs it."""
        if self._options.at_once:
            return True
        if mark.time_ns is None or mark.writers is None or self._writers is None:
            return False
        age = self._clock() - mark.time_ns
        return age >= self._options.keep_delete * _NS and not mark.writers & self._writers

    def _apply(self, plan: Plan, found: Survey, used: BlobSet) -> int:
        """Do what was planned; return the bytes that repacking stored."""
        added = self._repack(plan.repack, found, used) if plan.repack else 0
        self._lock.confirm()
        leaving = {pack.id for pack in plan.unused + plan.repack} | set(plan.missing)
        marks = [] if self._options.at_once else self._marks(plan, leaving)
        if leaving or plan.rescue or plan.delete or self._are_new(marks):
            rewriter = IndexRewriter(self._repo, self._lock.ensure)
            rewriter.rewrite(leaving, plan.rescue, marks)
            complete = self._with_writers(marks)
            if complete != marks:
                rewriter.tell_writers(complete)
        gone = [mark.pack.id for mark in plan.delete]
        if self._options.at_once:
            gone += [pack.id for pack in plan.unused + plan.repack]
            gone += plan.unindexed
        self._delete(gone)
        return added

    def _marks(self, plan: Plan, leaving: Iterable[PackId]) -> list[Mark]:
        """Return all that are to be there from now on."""
        time = self._clock()
        text = format_time(time, UTC)
        blobs = self._blobs_of(set(leaving) - set(plan.missing))
        new = [IndexedPack(pack, held, text) for pack, held in blobs.items()]
        new += [IndexedPack(pack, [], text, size) for pack, size in plan.unindexed.items()]
        return [
            *(Mark(pack, time, None) for pack in new),
            *(self._dated(mark, text, time) for mark in plan.wait),
        ]

    def _dated(self, mark: Mark, text: str, time: int) -> Mark:
        """Give a mark of others that says no time the present one."""
        if mark.time_ns is not None:
            return mark
        return Mark(replace(mark.pack, time=text), time, mark.writers)

    def _are_new(self, marks: list[Mark]) -> bool:
        return any(mark.writers is None for mark in marks)

    def _with_writers(self, marks: list[Mark]) -> list[Mark]:
        """Add who may rely on what was marked just now; not, if that cannot be known."""
        writers = self._others()
        if writers is None:
            return marks
        return [
            mark if mark.writers is not None else replace(mark, writers=writers) for mark in marks
        ]

    def _blobs_of(self, packs: set[PackId]) -> dict[PackId, list[PackedBlob]]:
        blobs: dict[PackId, list[PackedBlob]] = {pack: [] for pack in packs}
        for place in self._repo.index.all_places():
            if place.pack in packs:
                blobs[place.pack].append(place.blob)
        for held in blobs.values():
            held.sort(key=lambda blob: blob.offset)
        return blobs

    def _repack(self, packs: list[PackUse], found: Survey, used: BlobSet) -> int:
        """Store anew what is used of some packs; return the bytes that took."""
        chosen = {pack.id for pack in packs}
        added = 0
        with self._repo.blob_writer(self._lock, known=BlobIndex()) as writer:
            for kind in BlobType:
                names = list(self._needed(kind, chosen, found, used))
                copier = _Copier(kind, writer)
                read = self._repo.read_trees if kind is BlobType.TREE else self._repo.read_blobs
                for error in read(names, copier.copy).values():
                    raise error
                added += copier.added
                self._report(Checked("repack", copier.blobs, len(names)))
        return added

    def _needed(
        self, kind: BlobType, chosen: set[PackId], found: Survey, used: BlobSet
    ) -> Iterator[BlobId]:
        for place in self._repo.index.all_places():
            blob = place.blob
            is_wanted = blob.type is kind and place.pack in chosen and found.is_counted(place)
            if is_wanted and used.has_each(kind, blob.id)[0]:
                yield blob.id

    def _delete(self, packs: list[PackId]) -> None:
        if packs:
            self._lock.confirm()
        for done, pack in enumerate(packs, 1):
            self._lock.ensure()
            self._repo.store.delete(ObjectName(Kind.PACK, pack.hex()))
            self._report(Checked("delete", done, len(packs)))

    def _result(
        self, plan: Plan, found: Survey, snapshots: int, used: int, added: int
    ) -> PruneResult:
        marked = [pack.id for pack in plan.unused + plan.repack] + list(plan.unindexed)
        waiting = [] if self._options.at_once else marked + [mark.pack.id for mark in plan.wait]
        freed = [mark.pack.id for mark in plan.delete]
        freed += marked if self._options.at_once else []
        until = self._clock() + int(self._options.keep_delete * _NS) if waiting else 0
        return PruneResult(
            plan=plan,
            snapshots=snapshots,
            used_blobs=used,
            freed_packs=len(freed),
            freed=sum(found.sizes[pack] for pack in freed),
            pending_packs=len(waiting),
            pending=sum(found.sizes[pack] for pack in waiting),
            pending_until=until,
            repacked=sum(pack.size for pack in plan.repack),
            added=added,
        )


class _Copier:
    """Stores blobs that were read once more."""

    def __init__(self, kind: BlobType, writer: BlobWriter) -> None:
        self._kind = kind
        self._writer = writer
        self._lock = threading.Lock()
        self.blobs = 0
        self.added = 0  # bytes stored

    def copy(self, _: list[BlobId], data: memoryview, pieces: list[tuple[int, int]]) -> None:
        """Take what a read hands over, from any thread."""
        written = self._writer.write_each(self._kind, data, pieces)
        with self._lock:
            self.blobs += len(written)
            self.added += sum(blob.stored_bytes for blob in written)
