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

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

from bkp.errors import NotFound, StoreFull
from bkp.events import Checked, Reporter
from bkp.formats.index import Writer
from bkp.ids import BlobId, PackId, SnapshotId
from bkp.ops.reach import used_blobs
from bkp.repo.blobset import BlobSet
from bkp.repo.index_rewriting import IndexRewriter
from bkp.repo.locking import Lock
from bkp.repo.marks import Mark, lock_holders
from bkp.repo.repository import Repository
from bkp.store.base import Kind, ObjectName
from bkp.times import now

from .marking import are_new, marks_after, with_writers
from .options import PruneOptions
from .plan import Plan, PlanOptions, make_plan
from .repacking import repack
from .result import PruneResult, sum_up
from .survey import Survey, require_sound, survey

_NS = 1_000_000_000


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
    lock = repo.lock(exclusive=options.at_once, do_without_room=options.no_free_space)
    with lock:
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
        return sum_up(
            plan,
            found,
            self._options,
            snapshots=len(roots),
            added=added,
            now_ns=self._clock(),
        )

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
            max_repack=0 if options.no_free_space else options.max_repack,
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
        added = 0
        if plan.repack:
            added = repack(self._repo, self._lock, plan.repack, found, used, self._report)
        self._lock.confirm()
        leaving = {pack.id for pack in plan.unused + plan.repack} | set(plan.missing)
        if self._options.at_once:
            self._apply_at_once(plan, leaving)
        else:
            self._apply_in_two_phases(plan, leaving)
        return added

    def _apply_in_two_phases(self, plan: Plan, leaving: set[PackId]) -> None:
        marks = marks_after(plan, leaving, self._repo.index, self._clock())
        if leaving or plan.rescue or plan.delete or are_new(marks):
            rewriter = self._rewriter()
            rewriter.rewrite(leaving, plan.rescue, marks)
            complete = with_writers(marks, self._others())
            if complete != marks:
                rewriter.tell_writers(complete)
        self._delete([mark.pack.id for mark in plan.delete])

    def _apply_at_once(self, plan: Plan, leaving: set[PackId]) -> None:
        in_no_index = [*(mark.pack.id for mark in plan.delete), *plan.unindexed]
        in_index = [pack.id for pack in plan.unused + plan.repack]
        if self._options.no_free_space:
            self._delete(in_no_index)
        try:
            if leaving or plan.rescue or plan.delete:
                self._rewriter().rewrite(leaving, plan.rescue, [])
        except StoreFull:
            if not self._options.no_free_space:
                raise
            delete = partial(self._delete, in_index)
            self._rewriter().rewrite_in_place(leaving, plan.rescue, delete)
        else:
            self._delete(in_index if self._options.no_free_space else in_no_index + in_index)

    def _rewriter(self) -> IndexRewriter:
        return IndexRewriter(self._repo, self._lock.ensure)

    def _delete(self, packs: list[PackId]) -> None:
        if packs:
            self._lock.confirm()
        for done, pack in enumerate(packs, 1):
            self._lock.ensure()
            self._repo.store.delete(ObjectName(Kind.PACK, pack.hex()))
            self._report(Checked("delete", done, len(packs)))
