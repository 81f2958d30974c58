"""The snapshots of a repository: save, load, list, find by name."""

import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import NamedTuple

from bkp.errors import Inauthentic, IntegrityError, Malformed, NotFound, UsageError
from bkp.events import Problem, Reporter
from bkp.formats.snapshot import Snapshot, decode_snapshot, encode_snapshot
from bkp.ids import SnapshotId
from bkp.store.base import Kind, ObjectName, Store

from .envelope import Envelope

_LATEST = re.compile(r"latest(?:~(\d{1,9}))?")
_PREFIX = re.compile(r"[0-9a-f]{1,64}")


class SavedSnapshot(NamedTuple):
    """A snapshot and what it is called."""

    id: SnapshotId
    snapshot: Snapshot


class Snapshots:
    """Access to the snapshots of one repository."""

    def __init__(self, store: Store, envelope: Envelope, report: Reporter) -> None:
        self._store = store
        self._envelope = envelope
        self._report = report

    def save(self, snapshot: Snapshot) -> SavedSnapshot:
        """Store a snapshot; everything it refers to must be stored and indexed."""
        sealed = self._envelope.seal_file(encode_snapshot(snapshot))
        name = SnapshotId(sha256(sealed).digest())
        self._store.put(ObjectName(Kind.SNAPSHOT, name.hex()), sealed)
        return SavedSnapshot(name, snapshot)

    def load(self, name: SnapshotId) -> Snapshot:
        """Return a snapshot; raises NotFound, Inauthentic or Malformed."""
        data = self._store.get(ObjectName(Kind.SNAPSHOT, name.hex()))
        if sha256(data).digest() != name:
            raise Inauthentic(f"snapshot {name.hex()[:8]} is damaged: it does not match its name")
        try:
            return decode_snapshot(self._envelope.open_file(data))
        except (Malformed, Inauthentic) as error:
            raise type(error)(f"snapshot {name.hex()[:8]}: {error}") from error

    def remove(self, name: SnapshotId) -> None:
        """Remove a snapshot; what it refers to stays."""
        self._store.delete(ObjectName(Kind.SNAPSHOT, name.hex()))

    def has(self, name: SnapshotId) -> bool:
        """Say whether there is a snapshot of that id; it is not read."""
        try:
            self._store.get(ObjectName(Kind.SNAPSHOT, name.hex()), 0, 0)
        except NotFound:
            return False
        return True

    def ids(self) -> list[SnapshotId]:
        """Return the ids of all snapshots, in no order."""
        return [SnapshotId(bytes.fromhex(name.id)) for name, _ in self._store.scan(Kind.SNAPSHOT)]

    def load_all(self) -> list[SavedSnapshot]:
        """Return all snapshots, oldest first.

        A damaged one is reported and left out, so that it does not stand in
        the way of the others; one that vanishes meanwhile is left out.
        """
        found = list(self._load_all())
        found.sort(key=lambda saved: (saved.snapshot.time_ns, saved.id))
        return found

    def _load_all(self) -> Iterator[SavedSnapshot]:
        for name in self.ids():
            try:
                yield SavedSnapshot(name, self.load(name))
            except NotFound:
                continue
            except IntegrityError as error:
                self._report(Problem("snapshots", f"snapshots/{name.hex()}".encode(), str(error)))

    def find(
        self, name: str, matches: Callable[[Snapshot], bool] = lambda _: True
    ) -> SavedSnapshot:
        """Return the snapshot a person means.

        That is a full id, a unique prefix of one, `latest`, or `latest~N` for
        the N-th before it; the last two among those that match.  Raises
        UsageError if it is unknown or ambiguous.
        """
        if (latest := _LATEST.fullmatch(name)) is not None:
            return self._find_latest(int(latest[1] or 0), matches)
        found = self.find_id(name)
        return SavedSnapshot(found, self.load(found))

    def find_id(self, name: str) -> SnapshotId:
        """Return the snapshot with a full id or a unique prefix of one, even if it is damaged.

        Raises UsageError if it is unknown or ambiguous.
        """
        if not _PREFIX.fullmatch(name):
            raise UsageError(f"{name!r} is no snapshot id; `bkp snapshots` lists them")
        fitting = [found for found in self.ids() if found.hex().startswith(name)]
        if not fitting:
            raise UsageError(f"there is no snapshot {name}; `bkp snapshots` lists what there is")
        if len(fitting) > 1:
            shown = ", ".join(sorted(found.hex()[:12] for found in fitting[:5]))
            raise UsageError(f"{name} is ambiguous: {shown}; give more digits")
        return fitting[0]

    def _find_latest(self, back: int, matches: Callable[[Snapshot], bool]) -> SavedSnapshot:
        fitting = [saved for saved in self.load_all() if matches(saved.snapshot)]
        if back >= len(fitting):
            if not fitting:
                raise UsageError("there is no such snapshot; `bkp snapshots` lists what there is")
            raise UsageError(f"there are only {len(fitting)} snapshots, none is latest~{back}")
        return fitting[-1 - back]
