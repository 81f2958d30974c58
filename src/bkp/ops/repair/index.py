"""Make the index say what is in the packs that are there.

For all packs that it does not name, or names with another size, the header of
the pack says what is in it.  A pack whose header cannot be read stays in the
index as it was: what is intact in it is still to be read, or saved by
repairing it.  Marks stay, unless they do not say what is in the pack.  Needs to
be alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from bkp.errors import IntegrityError, StoreError
from bkp.events import Checked, Problem, Reporter
from bkp.formats.index import IndexedPack
from bkp.ids import PackId
from bkp.repo.audit import PackAudit, pack_sizes, read_header
from bkp.repo.index_rewriting import IndexRewriter
from bkp.repo.locking import Lock
from bkp.repo.repository import Repository
from bkp.store.base import ObjectName


@dataclass(slots=True)
class IndexRepair:
    """What was wrong with the index, and was put right."""

    damaged: list[ObjectName] = field(default_factory=list)  # objects of the index
    missing: list[PackId] = field(default_factory=list)  # packs that it named
    added: list[PackId] = field(default_factory=list)
    reread: list[PackId] = field(default_factory=list)  # packs that it named with another size
    unreadable: list[PackId] = field(default_factory=list)

    @property
    def changes(self) -> bool:
        """Whether the index had to be changed."""
        return bool(self.damaged or self.missing or self.added or self.reread)


def repair_index(
    repo: Repository, lock: Lock, report: Reporter, *, read_all: bool = False
) -> IndexRepair:
    """Repair the index of a repository, and load it; `lock` must be exclusive.

    With `read_all` the header of every pack is read, whatever the index says.
    """
    return _IndexRepairing(repo, report).run(lock, read_all=read_all)


class _IndexRepairing:
    def __init__(self, repo: Repository, report: Reporter) -> None:
        self._repo = repo
        self._report = report
        self._result = IndexRepair()

    def run(self, lock: Lock, *, read_all: bool) -> IndexRepair:
        found = self._result
        self._repo.load_index(self._note_damaged)
        audit = PackAudit(self._repo)
        indexed = audit.sizes()
        sizes = pack_sizes(self._repo)
        marks = {
            pack: mark
            for pack, mark in self._repo.marks().items()
            if pack not in indexed and mark.pack.blobs
        }
        found.missing += [pack for pack in indexed if pack not in sizes]
        wrong = {
            pack: size
            for pack, size in sizes.items()
            if pack not in marks and (read_all or indexed.get(pack) != size)
        }
        leaving = {*found.missing, *wrong}
        if leaving or found.damaged:
            lock.confirm()
            rewriter = IndexRewriter(self._repo, lock.ensure)
            rewriter.rewrite(
                leaving, self._read(wrong, audit), marks.values(), damaged=found.damaged
            )
            self._repo.load_index()
        return found

    def _note_damaged(self, name: ObjectName, error: IntegrityError) -> None:
        self._result.damaged.append(name)
        self._report(Problem("repair", str(name).encode(), f"damaged: {error}; it is replaced"))

    def _read(self, wrong: dict[PackId, int], audit: PackAudit) -> Iterator[IndexedPack]:
        """Yield what is in packs, by their headers, or else by the index as it was."""
        for done, (pack, size) in enumerate(wrong.items(), 1):
            is_indexed = pack in audit.sizes()
            try:
                yield read_header(self._repo, pack, size)
            except (IntegrityError, StoreError) as error:
                self._note_unreadable(pack, str(error), is_indexed=is_indexed)
                if is_indexed:
                    yield IndexedPack(pack, audit.indexed(pack))
            else:
                kept = self._result.reread if is_indexed else self._result.added
                if audit.sizes().get(pack) != size:
                    kept.append(pack)
            self._report(Checked("headers", done, len(wrong)))

    def _note_unreadable(self, pack: PackId, reason: str, *, is_indexed: bool) -> None:
        self._result.unreadable.append(pack)
        advice = (
            f"`bkp repair packs {pack.hex()}` saves what is intact in it"
            if is_indexed
            else "what is in it, if anything, cannot be known"
        )
        message = f"its header cannot be read: {reason}; {advice}"
        self._report(Problem("repair", f"data/{pack.hex()}".encode(), message))
