"""See that the packs are there, of the right size, and hold what the index says."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from bkp.errors import IntegrityError, StoreError
from bkp.events import Checked, Reporter
from bkp.ids import PackId
from bkp.repo.audit import PackAudit, read_header
from bkp.repo.packreading import PackVerdict
from bkp.repo.repository import Repository
from bkp.workers import Pool

from .faults import BlobKey, Ledger
from .subset import Subset

_READERS = 2  # more would cost memory


@dataclass(slots=True)
class PackCheck:
    """Checks the packs of a repository; `sizes` are those that are there, in bytes."""

    repo: Repository
    sizes: Mapping[PackId, int]
    ledger: Ledger
    report: Reporter
    hints: list[str]
    unindexed: dict[BlobKey, PackId] = field(default_factory=dict)
    packs_read: int = 0
    bytes_read: int = 0
    _verified: set[PackId] = field(default_factory=set)
    _verdicts: dict[PackId, PackVerdict] = field(default_factory=dict)
    _is_stopped: bool = False

    def check_presence(self, audit: PackAudit) -> None:
        """Compare the packs that are there with those the index names."""
        for pack, wanted in audit.sizes().items():
            size = self.sizes.get(pack)
            if size is None:
                blobs = audit.indexed(pack)
                message = f"the pack is missing, and with it {len(blobs)} blobs"
                number = self.ledger.add_pack(pack, message)
                self.ledger.lose_copies(self.repo.index, pack, blobs, number)
            elif size != wanted:
                message = f"the pack has {size} bytes, not the {wanted} it must have"
                self._verify(audit, pack, size, message)

    def look_into_orphans(self, audit: PackAudit) -> None:
        """Find out what is in packs that no index names, in case it is needed.

        Their blobs are added to the index in memory, and to `unindexed`.
        """
        orphans = [pack for pack in self.sizes if pack not in audit.sizes()]
        for done, pack in enumerate(orphans, 1):
            try:
                held = read_header(self.repo, pack, self.sizes[pack])
            except (IntegrityError, StoreError) as error:
                self.hints.append(f"data/{pack.hex()} is in no index and cannot be read: {error}")
                continue
            for blob in held.blobs:
                if not self.repo.index.has(blob.type, blob.id):
                    self.unindexed[blob.type, blob.id] = pack
            self.repo.index.add(held)
            self.report(Checked("packs", done, len(orphans)))

    @contextmanager
    def reading(self, audit: PackAudit, subset: Subset) -> Iterator[None]:
        """Verify every byte of the packs of a subset while the `with` lasts.

        Leaving it waits for the rest.  What is wrong is noted only then, so
        that faults come in the same order whichever was faster.
        """
        with Pool(1, ahead=1) as pool:
            try:
                pool.submit(partial(self._read, audit, subset))
                yield
                pool.drain()
            except BaseException:
                self._is_stopped = True
                raise
        for pack, verdict in sorted(self._verdicts.items()):
            self._note(pack, verdict, [])

    def _read(self, audit: PackAudit, subset: Subset) -> None:
        indexed = {pack: size for pack, size in self.sizes.items() if pack in audit.sizes()}
        chosen = subset.choose(indexed)
        self.report(Checked("data", 0, len(chosen)))
        with Pool(_READERS, ahead=_READERS) as pool:
            for pack in chosen:
                if self._is_stopped:
                    break
                pool.submit(partial(self._read_one, audit, pack, len(chosen)))

    def _read_one(self, audit: PackAudit, pack: PackId, total: int) -> None:
        size = self.sizes[pack]
        if pack not in self._verified:
            verdict = audit.verify(pack, size)
            if verdict.faults:
                self._verdicts[pack] = verdict
        with self.ledger.lock:
            self.packs_read += 1
            self.bytes_read += size
            done = self.packs_read
        self.report(Checked("data", done, total))

    def _verify(self, audit: PackAudit, pack: PackId, size: int, fault: str) -> None:
        self._verified.add(pack)
        self._note(pack, audit.verify(pack, size), [fault])

    def _note(self, pack: PackId, verdict: PackVerdict, faults: list[str]) -> None:
        message = "; ".join(faults + verdict.faults)
        number = self.ledger.add_pack(pack, message)
        self.ledger.lose_copies(self.repo.index, pack, verdict.broken, number)
