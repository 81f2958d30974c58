"""See that the packs are there, of the right size, and hold what the index says."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from bkp.events import Checked, Reporter
from bkp.ids import PackId
from bkp.repo.audit import PackAudit
from bkp.repo.packreading import PackVerdict
from bkp.repo.repository import Repository
from bkp.repo.verified_packs import VerifiedPacks
from bkp.workers import Pool

from .faults import Ledger
from .subset import Subset
from .turns import Turns

_READERS = 2  # more would cost memory


@dataclass(slots=True, kw_only=True)
class PackCheck:
    """Checks the packs of a repository; `sizes` are those that are there, in bytes.

    Those of `subset` are read, if there is one, and with them those that were
    bad the last time; none is begun once the time is over.
    """

    repo: Repository
    audit: PackAudit
    sizes: Mapping[PackId, int]
    ledger: Ledger
    report: Reporter
    verified: VerifiedPacks
    subset: Subset | None
    is_time_over: Callable[[], bool]
    in_use: dict[PackId, int] = field(default_factory=dict)  # all that were checked and are there
    packs_read: int = 0
    bytes_read: int = 0
    _turns: Turns = field(init=False)
    _done: set[PackId] = field(default_factory=set)
    _verdicts: dict[PackId, PackVerdict] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_stopped: bool = False

    def __post_init__(self) -> None:
        self._turns = Turns(self.verified)

    def check(self, packs: Iterable[PackId]) -> None:
        """Compare the packs that are there with these; have read those that are to be."""
        present: dict[PackId, int] = {}
        for pack in packs:
            size, wanted = self.sizes.get(pack), self.audit.sizes()[pack]
            if size is None:
                self._note_missing(pack)
                continue
            present[pack] = size
            if size != wanted:
                message = f"the pack has {size} bytes, not the {wanted} it must have"
                self._note(pack, self._verify(pack, size), [message])
        self.in_use |= present
        if self.subset is not None:
            bad = filter(self._was_bad, present)
            self._turns.add({*self.subset.choose(present), *bad})

    def _note_missing(self, pack: PackId) -> None:
        blobs = self.audit.indexed(pack)
        message = f"the pack is missing, and with it {len(blobs)} blobs"
        number = self.ledger.add_pack(pack, message)
        self.ledger.lose_copies(self.repo.index, pack, blobs, number)

    def _was_bad(self, pack: PackId) -> bool:
        last = self.verified.last(pack)
        return last is not None and not last.is_sound

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Verify every byte of the packs that are to be read while the `with` lasts.

        Leaving it waits for the rest.  What is wrong is noted only then, so
        that faults come in the same order whichever was faster.
        """
        try:
            with Pool(_READERS, ahead=_READERS) as pool:
                try:
                    self._begin_reading(pool)
                    yield
                    self._begin_reading(pool)  # what was added when nothing else was left
                    pool.drain()
                except BaseException:
                    self._is_stopped = True
                    raise
        finally:
            for pack, verdict in sorted(self._verdicts.items()):
                self._note(pack, verdict, [])

    def _begin_reading(self, pool: Pool) -> None:
        for _ in range(_READERS):
            pool.submit(self._read)

    def _read(self) -> None:
        try:
            while not self._is_stopped and not self.is_time_over():
                pack = self._turns.take()
                if pack is None:
                    break
                self._read_one(pack)
        except BaseException:
            self._is_stopped = True
            raise

    def _read_one(self, pack: PackId) -> None:
        size = self.sizes[pack]
        if pack not in self._done:
            verdict = self._verify(pack, size)
            if verdict.faults:
                self._verdicts[pack] = verdict
        with self._lock:
            self.packs_read += 1
            self.bytes_read += size
            done = self.packs_read
        self.report(Checked("data", done, self._turns.count))

    def _verify(self, pack: PackId, size: int) -> PackVerdict:
        verdict = self.audit.verify(pack, size)
        self._done.add(pack)
        self.verified.note(pack, is_sound=not verdict.faults)
        return verdict

    def _note(self, pack: PackId, verdict: PackVerdict, faults: list[str]) -> None:
        message = "; ".join(faults + verdict.faults)
        number = self.ledger.add_pack(pack, message)
        self.ledger.lose_copies(self.repo.index, pack, verdict.broken, number)
