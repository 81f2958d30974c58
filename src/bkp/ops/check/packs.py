"""See that the packs are there, of the right size, and hold what the index says."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from bkp.events import Checked, Reporter
from bkp.ids import PackId
from bkp.repo.audit import PackAudit
from bkp.repo.packreading import PackVerdict
from bkp.repo.repository import Repository
from bkp.workers import Pool

from .faults import Ledger
from .subset import Subset

_READERS = 2  # more would cost memory


@dataclass(slots=True)
class PackCheck:
    """Checks the packs of a repository; `sizes` are those that are there, in bytes.

    Those of `subset` are read, if there is one.
    """

    repo: Repository
    audit: PackAudit
    sizes: Mapping[PackId, int]
    ledger: Ledger
    report: Reporter
    subset: Subset | None
    packs_read: int = 0
    bytes_read: int = 0
    _waiting: deque[PackId] = field(default_factory=deque)
    _chosen: int = 0  # packs that waited at any time
    _verified: set[PackId] = field(default_factory=set)
    _verdicts: dict[PackId, PackVerdict] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_stopped: bool = False

    def check(self, packs: Iterable[PackId]) -> None:
        """Compare the packs that are there with these; have read those that are to be."""
        present: dict[PackId, int] = {}
        for pack in packs:
            size, wanted = self.sizes.get(pack), self.audit.sizes()[pack]
            if size is None:
                blobs = self.audit.indexed(pack)
                message = f"the pack is missing, and with it {len(blobs)} blobs"
                number = self.ledger.add_pack(pack, message)
                self.ledger.lose_copies(self.repo.index, pack, blobs, number)
                continue
            if size != wanted:
                message = f"the pack has {size} bytes, not the {wanted} it must have"
                self._verified.add(pack)
                self._note(pack, self.audit.verify(pack, size), [message])
            present[pack] = size
        if self.subset is not None:
            chosen = self.subset.choose(present)
            with self._lock:
                self._waiting.extend(chosen)
                self._chosen += len(chosen)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Verify every byte of the packs that are to be read while the `with` lasts.

        Leaving it waits for the rest.  What is wrong is noted only then, so
        that faults come in the same order whichever was faster.
        """
        with Pool(_READERS, ahead=_READERS) as pool:
            try:
                self._begin_reading(pool)
                yield
                self._begin_reading(pool)  # what was added when nothing else was left
                pool.drain()
            except BaseException:
                self._is_stopped = True
                raise
        for pack, verdict in sorted(self._verdicts.items()):
            self._note(pack, verdict, [])

    def _begin_reading(self, pool: Pool) -> None:
        for _ in range(_READERS):
            pool.submit(self._read)

    def _read(self) -> None:
        try:
            while (pack := self._next()) is not None:
                self._read_one(pack)
        except BaseException:
            self._is_stopped = True
            raise

    def _next(self) -> PackId | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting and not self._is_stopped else None

    def _read_one(self, pack: PackId) -> None:
        size = self.sizes[pack]
        if pack not in self._verified:
            verdict = self.audit.verify(pack, size)
            if verdict.faults:
                self._verdicts[pack] = verdict
        with self._lock:
            self.packs_read += 1
            self.bytes_read += size
            done, total = self.packs_read, self._chosen
        self.report(Checked("data", done, total))

    def _note(self, pack: PackId, verdict: PackVerdict, faults: list[str]) -> None:
        message = "; ".join(faults + verdict.faults)
        number = self.ledger.add_pack(pack, message)
        self.ledger.lose_copies(self.repo.index, pack, verdict.broken, number)
