"""What a check found wrong, and what it costs.

A fault is about one object or tree of the repository; its harm is what
snapshots and files cannot be restored because of it.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum

from bkp.events import Problem, Reporter
from bkp.formats.pack import BlobType, PackedBlob
from bkp.ids import BlobId, PackId, SnapshotId
from bkp.repo.index import BlobIndex

_MAX_FAULTS = 10_000  # remembered; all are reported and counted

BlobKey = tuple[BlobType, BlobId]


class FaultKind(Enum):
    """What sort of thing is at fault."""

    KEY = "key"
    SNAPSHOT = "snapshot"
    INDEX = "index"
    PACK = "pack"
    BLOB = "blob"
    TREE = "tree"


@dataclass(frozen=True, slots=True)
class HarmedSnapshot:
    """A snapshot of which `entries` files or directories suffer; `paths` are the first few."""

    id: SnapshotId
    time: str  # RFC 3339
    entries: int
    paths: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Harm:
    """What a fault costs: how many snapshots, and the newest few of them in detail."""

    snapshots: int = 0
    newest: tuple[HarmedSnapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong; `where` names an object (`data/…`) or a tree or blob."""

    kind: FaultKind
    where: str
    message: str
    harm: Harm = Harm()


@dataclass(slots=True)
class Ledger:
    """Collects faults while a check runs; may be told of them by several threads.

    `lost` says which fault each blob fell to, `flawed` which entries of a
    tree cannot be used although the tree can be read.
    """

    report: Reporter
    faults: list[Fault] = field(default_factory=list)
    count: int = 0
    lost: dict[BlobKey, int] = field(default_factory=dict)
    flawed: defaultdict[BlobId, list[tuple[int, bytes]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    broken_packs: dict[PackId, None] = field(default_factory=dict)  # in the order they were met
    _broken: defaultdict[BlobKey, set[tuple[PackId, int]]] = field(
        default_factory=lambda: defaultdict(set)
    )
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: FaultKind, where: str, message: str) -> int:
        """Note a fault and report it; return its number."""
        message = message.removeprefix(f"{where} is damaged: ").removeprefix(f"{where}: ")
        with self.lock:
            number = self.count
            self.count += 1
            if number < _MAX_FAULTS:
                self.faults.append(Fault(kind, where, message))
        self.report(Problem("check", where.encode(), message))
        return number

    def lose(self, key: BlobKey, number: int) -> None:
        """Note that a blob is lost to a fault; only its first fault counts."""
        with self.lock:
            self.lost.setdefault(key, number)

    def lose_copies(
        self, index: BlobIndex, pack: PackId, blobs: Iterable[PackedBlob], number: int
    ) -> None:
        """Note that copies of blobs in a pack are damaged; those without another are lost."""
        with self.lock:
            for blob in blobs:
                key = (blob.type, blob.id)
                self._broken[key].add((pack, blob.offset))
                places = index.places(*key)
                if places and all(
                    (place.pack, place.blob.offset) in self._broken[key] for place in places
                ):
                    self.lost.setdefault(key, number)

    def note_broken(self, pack: PackId) -> None:
        """Note that a pack needs to be repaired, whatever fault shows it."""
        with self.lock:
            self.broken_packs[pack] = None

    def add_pack(self, pack: PackId, message: str) -> int:
        """Note that a pack is not as it must be; return the fault's number."""
        self.note_broken(pack)
        return self.add(FaultKind.PACK, f"data/{pack.hex()}", message)

    def set_harm(self, number: int, harm: Harm) -> None:
        """Complete a fault by what it costs."""
        if number < len(self.faults):
            self.faults[number] = replace(self.faults[number], harm=harm)
