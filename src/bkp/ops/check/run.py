"""Verify that every snapshot can be restored, and say what is lost if not.

A check goes on after what it finds, as far as the damage lets it.  It takes
no exclusive lock, so snapshots can be taken meanwhile: snapshots are listed
before indexes and indexes before packs, in the reverse of the order in which
they are written, so that nothing that is just being added looks incomplete.
"""

import time
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field

from bkp.errors import IntegrityError, NotFound, StoreError
from bkp.events import Checked, Reporter, ignore
from bkp.ids import PackId, SnapshotId
from bkp.ops.migrate import UPGRADE_TO_2
from bkp.repo.audit import PackAudit, damaged_keys, pack_sizes
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.repo.verified_packs import VerifiedPacks
from bkp.store.base import ObjectName
from bkp.times import now

from .coverage import Coverage, coverage_of
from .faults import Fault, FaultKind, Ledger
from .harm import find_harm
from .orphans import look_into_orphans
from .packs import PackCheck
from .subset import Subset
from .trees import TreeCheck

_REBUILD = "`bkp repair index` makes a new index from the packs"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """What to check besides the structure: the contents of some packs, or of none.

    Packs that were bad when they were verified last are read with any others,
    and first.  No pack is begun when the check has taken `max_seconds`.
    """

    read: Subset | None = None
    max_seconds: float = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What a check found.

    `faults` may be fewer than `fault_count` if there are very many.  `hints`
    are no faults: what could be tidied.  An index is needed if packs are there
    that no intact index names although snapshots need them; pruning is
    advised if packs are there that nobody needs.  The coverage is of this check
    and what is remembered of others.
    """

    faults: tuple[Fault, ...]
    fault_count: int
    hints: tuple[str, ...]
    broken_packs: tuple[PackId, ...]
    needs_index: bool
    needs_prune: bool
    snapshots: int
    trees: int
    packs: int
    packs_read: int
    bytes_read: int
    coverage: Coverage

    @property
    def is_sound(self) -> bool:
        """Say whether nothing is wrong."""
        return self.fault_count == 0


def check(
    repo: Repository,
    options: CheckOptions | None = None,
    report: Reporter = ignore,
    *,
    clock: Callable[[], int] = now,
    timer: Callable[[], float] = time.monotonic,
) -> CheckResult:
    """Check a repository, whose index must not be loaded yet.

    Faults are reported as they are found, and are all in the result.  Raises
    Locked if somebody is removing things, and StoreError if the storage
    cannot even be listed.

    Which packs were verified is remembered in the repository's cache, if it
    has one, even if the check ends early.  `clock` says when that was (ns since
    the epoch), `timer` how long it takes (seconds).
    """
    with repo.reading(eager=False):
        run = _Check(repo, Ledger(report), report, clock, timer)
        return run.run(options or CheckOptions())


@dataclass(slots=True)
class _Check:
    """The steps of one check, in their order."""

    repo: Repository
    ledger: Ledger
    report: Reporter
    clock: Callable[[], int]
    timer: Callable[[], float]
    hints: list[str] = field(default_factory=list)
    damaged_indexes: list[int] = field(default_factory=list)  # numbers of their faults

    def run(self, options: CheckOptions) -> CheckResult:
        ends = self.timer() + options.max_seconds
        for damage in damaged_keys(self.repo):
            command = f"`bkp key remove {damage.where.rpartition('/')[2][:8]}`"
            message = f"{damage.message}; its password opens nothing any more; {command} removes it"
            self.ledger.add(FaultKind.KEY, damage.where, message)
        snapshots = list(self._load_snapshots())
        self.repo.load_index(self._note_index)
        sizes = pack_sizes(self.repo)
        orphans = look_into_orphans(self.repo, sizes, self.hints, self.report)
        unneeded = set(orphans.blobs.values())
        with self._remembering(sizes) as verified:
            packs = PackCheck(
                repo=self.repo,
                audit=PackAudit(self.repo),
                sizes=sizes,
                ledger=self.ledger,
                report=self.report,
                verified=verified,
                subset=options.read,
                is_time_over=lambda: self.timer() >= ends,
            )
            packs.check(pack for pack in packs.audit.sizes() if pack not in orphans.packs)
            trees = TreeCheck(self.repo, orphans.blobs, self.ledger, self.report)
            with packs.reading():
                trees.run(saved.snapshot.tree for saved in snapshots)
                packs.check(trees.needed_packs)
        self._hint_at_old_config()
        marked = set(self.repo.marked.packs())
        readable = {pack for pack, mark in self.repo.marks().items() if mark.pack.blobs}
        needs_index = self._note_needed_orphans(trees, readable)
        unneeded -= trees.needed_packs.keys()
        self._hint_at_orphans([sizes[pack] for pack in unneeded - marked])
        self._hint_at_marked([sizes[pack] for pack in unneeded & marked])
        find_harm(self.repo, snapshots, self.ledger)
        return CheckResult(
            faults=tuple(self.ledger.faults),
            fault_count=self.ledger.count,
            hints=tuple(self.hints),
            broken_packs=tuple(self.ledger.broken_packs),
            needs_index=bool(self.damaged_indexes) or needs_index,
            needs_prune=bool(unneeded),
            snapshots=len(snapshots),
            trees=trees.count,
            packs=len(sizes),
            packs_read=packs.packs_read,
            bytes_read=packs.bytes_read,
            coverage=coverage_of(packs.in_use, verified),
        )

    def _remembering(self, sizes: Container[PackId]) -> VerifiedPacks:
        return VerifiedPacks(self.repo, sizes, self.report, clock=self.clock, timer=self.timer)

    def _load_snapshots(self) -> Iterator[SavedSnapshot]:
        names = self.repo.snapshots.ids()
        for done, name in enumerate(names, 1):
            try:
                yield SavedSnapshot(name, self.repo.snapshots.load(name))
            except NotFound:
                continue  # somebody removed it just now
            except (IntegrityError, StoreError) as error:
                self._note_snapshot(name, str(error))
            self.report(Checked("snapshots", done, len(names)))

    def _note_snapshot(self, name: SnapshotId, reason: str) -> None:
        self.ledger.add(FaultKind.SNAPSHOT, f"snapshots/{name.hex()}", reason)

    def _note_index(self, name: ObjectName, error: IntegrityError) -> None:
        cost = "until it is replaced nothing can be saved, nor restored what no other index names"
        message = f"{error}; {cost}; {_REBUILD}"
        self.damaged_indexes.append(self.ledger.add(FaultKind.INDEX, str(name), message))

    def _note_needed_orphans(self, trees: TreeCheck, marked: Container[PackId]) -> bool:
        """Note what is needed of packs that no index names; say whether there is any.

        What is marked to be deleted can still be read, if the mark names it,
        and no prune deletes what is needed.
        """
        needs_index = False
        for pack, keys in trees.needed_packs.items():
            if pack in marked:
                where = f"data/{pack.hex()}"
                self.hints.append(
                    f"{where} is marked to be deleted, but needed; prune takes it back"
                )
                continue
            needs_index = True
            if self.damaged_indexes:
                number = self.damaged_indexes[0]
            else:
                message = f"no index names this pack, but {len(keys)} of its blobs are needed"
                where = f"data/{pack.hex()}"
                number = self.ledger.add(FaultKind.INDEX, where, f"{message}; {_REBUILD}")
            for key in keys:
                self.ledger.lose(key, number)
        return needs_index

    def _hint_at_old_config(self) -> None:
        is_compressed = any(total.compressed for total in self.repo.index.pack_totals())
        if is_compressed and self.repo.config.version == 1:
            self.hints.append(
                "the config is a copy from before the upgrade to version 2; "
                f"`bkp migrate {UPGRADE_TO_2}` brings it up to date"
            )

    def _hint_at_marked(self, sizes: list[int]) -> None:
        if sizes:
            self.hints.append(f"{len(sizes)} packs of {sum(sizes)} bytes are marked to be deleted")

    def _hint_at_orphans(self, sizes: list[int]) -> None:
        if sizes:
            self.hints.append(
                f"{len(sizes)} packs of {sum(sizes)} bytes are in no index and not needed: "
                "left by an interrupted run, or being added right now"
            )
