"""The snapshots of a repository: save, load, list, find by name."""

import re
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import NamedTuple

from bkp.errors import IntegrityError, NotFound, UsageError
from bkp.events import Problem, Reporter
from bkp.formats.snapshot import Snapshot, decode_snapshot, encode_snapshot
from bkp.ids import SnapshotId
from bkp.store.base import Kind, ObjectName, Store

from .envelope import Envelope
from .wholeobjects import read_whole

_LATEST = re.compile(r"latest(?:~(\d{1,9}))?")
_OnDamage = Callable[[SnapshotId, IntegrityError], None]

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
        """Return a snapshot; raises NotFound, or an IntegrityError that says what to do."""
        object_name = ObjectName(Kind.SNAPSHOT, name.hex())
        try:
            data = read_whole(self._store, object_name)
            return decode_snapshot(self._envelope.open_file(data))
        except IntegrityError as error:
            prefix = f"{object_name} is damaged: "
            reason = str(error).removeprefix(prefix)
            raise type(error)(f"{prefix}{reason}; {_remedy(name)}") from error

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
        return self._load_all(self._tell_damaged)

    def _load_all(self, on_damage: _OnDamage) -> list[SavedSnapshot]:
        found = []
        for name in self.ids():
            try:
                found.append(SavedSnapshot(name, self.load(name)))
            except NotFound:
                continue
            except IntegrityError as error:
                on_damage(name, error)
        found.sort(key=lambda saved: (saved.snapshot.time_ns, saved.id))
        return found

    def _tell_damaged(self, name: SnapshotId, error: IntegrityError) -> None:
        path = f"snapshots/{name.hex()}"
        message = str(error).removeprefix(f"{path} is ")
        self._report(Problem("snapshots", path.encode(), message))

    def find(
        self,
        name: str,
        matches: Callable[[Snapshot], bool] = lambda _: True,
        *,
        to_change: bool = False,
    ) -> SavedSnapshot:
        """Return the snapshot a person means.

        That is a full id, a unique prefix of one, `latest`, or `latest~N` for
        the N-th before it; the last two among those that match.  Raises
        UsageError if it is unknown or ambiguous.

        While there is a damaged snapshot nobody knows which is the latest.
        That is reported, and the latest of the others is meant; but if it is
        found `to_change` it, or to remove it, IntegrityError is raised.
        """
        if (latest := _LATEST.fullmatch(name)) is not None:
            on_damage = _refuse_to_guess if to_change else self._tell_damaged
            return self._find_latest(int(latest[1] or 0), matches, on_damage)
        found = self.find_id(name)
        return SavedSnapshot(found, self.load(found))

    def find_each(
        self, names: Iterable[str], matches: Callable[[Snapshot], bool], *, to_change: bool = False
    ) -> list[SavedSnapshot]:
        """Return the snapshots that are meant, each once; damaged ones are reported and left out.

        Raises as `find` does.
        """
        found: dict[SnapshotId, SavedSnapshot] = {}
        for name in names:
            if _LATEST.fullmatch(name):
                saved = self.find(name, matches, to_change=to_change)
                found[saved.id] = saved
                continue
            named = self.find_id(name)
            try:
                found[named] = SavedSnapshot(named, self.load(named))
            except IntegrityError as error:
                self._tell_damaged(named, error)
        return list(found.values())

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

    def _find_latest(
        self, back: int, matches: Callable[[Snapshot], bool], on_damage: _OnDamage
    ) -> SavedSnapshot:
        fitting = [saved for saved in self._load_all(on_damage) if matches(saved.snapshot)]
        if back >= len(fitting):
            if not fitting:
                raise UsageError("there is no such snapshot; `bkp snapshots` lists what there is")
            raise UsageError(f"there are only {len(fitting)} snapshots, none is latest~{back}")
        return fitting[-1 - back]


def _refuse_to_guess(_: SnapshotId, error: IntegrityError) -> None:
    raise type(error)(f"which snapshot is the latest cannot be known: {error}") from error


def _remedy(name: SnapshotId) -> str:
    command = f"`bkp repair snapshots --forget {name.hex()[:8]}`"
    return f"{command} removes it, and then `bkp recover` finds what was in it"
