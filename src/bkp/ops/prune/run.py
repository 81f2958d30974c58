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
from functools import partial

from bkp.errors import IntegrityError, Missing, NotFound, StoreFull
from bkp.events import Checked, Notice, Reporter
from bkp.ids import BlobId, PackId, SnapshotId
from bkp.ops.commit import keep_indexed
from bkp.ops.reach import used_blobs
from bkp.repo.blobset import BlobSet
from bkp.repo.index_rewriting import IndexRewriter
from bkp.repo.locking import Lock
from bkp.repo.marks import Mark, Others, others
from bkp.repo.repository import Repository
from bkp.store.base import Kind, ObjectName
from bkp.times import now

from .marking import are_new, marks_after, still_marked, unmarked, with_writers
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
        self._seen: set[SnapshotId] = set()
        self._before = Others(None, strangers=True)

    def run(self, without: frozenset[SnapshotId]) -> PruneResult:
        self._seen |= without
        # In this order: whoever holds no lock any more has stored its snapshot, and what a
        # snapshot needs was indexed before it.
        self._before = self._others()
        try:
            roots = self._new_roots()
            self._repo.load_index()
            used, found = self._look(roots)
        except IntegrityError as error:
            raise type(error)(f"{error}.  Nothing was changed") from error
        plan = make_plan(found, self._plan_options())
        if self._before.strangers and not self._options.at_once:
            plan = self._postpone(plan)
        added = 0
        if not self._options.dry_run:
            added = self._repack(plan, found, used)
            self._lock.confirm()
            plan = self._apply(plan)
        return sum_up(
            plan,
            found,
            self._options,
            snapshots=len(roots),
            added=added,
            now_ns=self._clock(),
        )

    def _new_roots(self) -> list[BlobId]:
        """Return the trees of all snapshots that were not seen yet.

        One that is being replaced by another (as tags are changed) could be
        missed by a single look: the new one not there yet, the old one gone
        before it was read, or even before it was listed.  One that cannot be
        found, but is there all the same, is not gone.
        """
        snapshots = self._repo.snapshots
        roots: list[BlobId] = []
        gone: set[SnapshotId] = set()
        looks = 0
        while (new := set(snapshots.ids()) - self._seen) or looks == 0:
            looks += 1
            self._seen |= new
            for name in new:
                try:
                    roots.append(snapshots.load(name).tree)
                except NotFound:
                    gone.add(name)
        for name in gone.intersection(snapshots.ids() if gone else ()):
            raise Missing(f"snapshots/{name.hex()} is listed, but cannot be found")
        return roots

    def _look(self, roots: list[BlobId]) -> tuple[BlobSet, Survey]:
        """Find out what is used, and what there is; raise IntegrityError if it is not all there."""
        try:
            used = used_blobs(self._repo, roots, self._report)
            found = survey(self._repo, used)
            require_sound(found)
        except IntegrityError as error:
            raise type(error)(f"{error}; `bkp check` tells what that means") from error
        for pack in self._repo.met_damage.packs.intersection(found.packs):
            # Its damaged copies would count, and those from which was read now would go.
            command = f"`bkp repair packs {pack.hex()}`"
            raise IntegrityError(f"data/{pack.hex()} is damaged; {command} has to come first")
        return used, found

    def _others(self) -> Others:
        return others(self._repo.store, self._repo.envelope, self._lock.id)

    def _postpone(self, plan: Plan) -> Plan:
        """Let nothing leave the index while somebody works here who knows no marks."""
        if plan.unused or plan.repack:
            self._report(Notice("another program is at work; what is unused is marked later"))
        return plan.postponed()

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
        holders = self._before.holders
        if mark.time_ns is None or mark.writers is None or holders is None:
            return False
        age = self._clock() - mark.time_ns
        return age >= self._options.keep_delete * _NS and not mark.writers & holders

    def _repack(self, plan: Plan, found: Survey, used: BlobSet) -> int:
        if not plan.repack:
            return 0
        try:
            return repack(self._repo, self._lock, plan.repack, found, used, self._report)
        except IntegrityError as error:
            advice = "`bkp check --read-data` tells what that means.  Nothing was taken away"
            raise type(error)(f"{error}; {advice}") from error

    def _apply(self, plan: Plan) -> Plan:
        """Do what was planned; return what was done of it."""
        leaving = {pack.id for pack in plan.unused + plan.repack} | set(plan.missing)
        if self._options.at_once:
            self._apply_at_once(plan, leaving)
            return plan
        marks = marks_after(plan, leaving, self._repo.index, self._clock())
        if leaving or plan.rescue or plan.delete or are_new(marks):
            plan = self._mark(plan, leaving, marks)
        self._delete([mark.pack.id for mark in plan.delete])
        return plan

    def _mark(self, plan: Plan, leaving: set[PackId], marks: list[Mark]) -> Plan:
        """Let packs leave the index, and look who may rely on these."""
        rewriter = self._rewriter()
        rewriter.rewrite(leaving, plan.rescue, marks)
        after = self._others()
        if after.strangers and leaving:  # who came meanwhile, and may have read the index before
            rewriter.rewrite((), unmarked(marks, leaving), still_marked(marks, leaving))
            return self._postpone(plan)
        complete = with_writers(marks, after.holders)
        if complete != marks:
            rewriter.tell_writers(complete)
        for tree in self._new_roots():  # of who came and went
            keep_indexed(self._repo, self._lock, tree, ())
        return plan

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
