"""Locks, by restic's protocol: advisory objects that every client respects.

A lock is shared or exclusive.  To take one: look for conflicting locks, write
one's own, wait, look again, and withdraw if somebody was faster.  A lock is
written anew every five minutes; one older than 30 minutes is stale and may be
removed by `unlock`.  A holder that could not refresh in time (a laptop that
slept) must not go on as if nothing had happened.

Unlike restic, whoever meets a lock that is certainly dead removes it: one that
is stale by its time, or whose process is gone.  The latter is only believed of
locks that say in which space of process ids they were taken, which are ours;
a host name alone is shared by containers that do not see each other.

Source: restic's doc/design.rst, "Locks".
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256

from bkp.errors import BkpError, IntegrityError, Locked, NotFound, StoreError, StoreFull
from bkp.events import Notice, Reporter
from bkp.formats.lock import LockFile, decode_lock, encode_lock
from bkp.processes import is_alive, process_space, this_process
from bkp.store.base import Kind, ObjectName, Store
from bkp.times import format_time, local_zone, now
from bkp.users import current_user
from bkp.workers import Aside, Heartbeat

from .envelope import Envelope
from .wholeobjects import read_whole

REFRESH_SECONDS = 5 * 60
STALE_SECONDS = 30 * 60
# After this long without a refresh, others may soon take the lock for stale.
EXPIRED_SECONDS = STALE_SECONDS - STALE_SECONDS // 4
_SETTLE_SECONDS = 0.2  # as restic: time for somebody else's lock to become visible
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 60.0  # seconds between two attempts, as restic waits
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FoundLock:
    """A lock in the repository; `lock` is None if it cannot be read."""

    id: str
    lock: LockFile | None

    def is_stale(self) -> bool:
        """Say whether its holder is gone, by restic's rules: what `unlock` removes."""
        if self.lock is None:
            return False
        is_ours = self.lock.hostname == this_process().hostname
        return self._is_old() or (is_ours and not is_alive(self.lock.pid))

    def death(self) -> str:
        """Say why its holder is certainly gone, so that it may be removed unasked; "" if not."""
        if self.lock is None:
            return ""
        if self._is_old():
            return f"it was not refreshed for {STALE_SECONDS // 60} minutes"
        space = process_space()
        if space and self.lock.bkp_space == space and not is_alive(self.lock.pid):
            return "its process is gone"
        return ""

    def _is_old(self) -> bool:
        assert self.lock is not None
        return now() - self.lock.time_ns > STALE_SECONDS * _NS

    def __str__(self) -> str:
        if self.lock is None:
            return f"lock {self.id[:8]} (unreadable)"
        lock = self.lock
        kind = "exclusive" if lock.exclusive else "shared"
        who = f"process {lock.pid} of {lock.username} on {lock.hostname}"
        return f"{kind} lock {self.id[:8]} of {who}, taken {lock.time[:19]}"


def _nothing() -> None:
    pass


def list_locks(store: Store, envelope: Envelope) -> Iterator[FoundLock]:
    """Yield the locks there are; one that vanishes meanwhile is left out."""
    for name, size in store.scan(Kind.LOCK):
        if size == 0:  # left by a full disk; restic ignores these too
            continue
        try:
            yield FoundLock(name.id, decode_lock(envelope.open_file(read_whole(store, name))))
        except NotFound:
            continue
        except IntegrityError:
            yield FoundLock(name.id, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOptions:
    """How a lock is taken.

    It waits `retry_seconds` for the locks of others to go.  An `eager` one is
    entered before those had time to show: `ensure` waits for that.  With
    `do_without_room`, one that a full store has no room for is not written:
    somebody else may begin then, but who has begun before is seen.
    """

    exclusive: bool = False
    eager: bool = False
    retry_seconds: float = 0
    do_without_room: bool = False


class Lock:
    """A lock held on a repository, refreshed in the background until released.

    A context manager; entering it raises Locked if somebody else's lock
    excludes this one, and goes on doing so for the time that is to be waited.
    The holder of an eager one may read, and what it read holds only once
    `ensure` has returned, which raises Locked in its turn.
    """

    def __init__(
        self, store: Store, envelope: Envelope, options: LockOptions, report: Reporter
    ) -> None:
        self._store = store
        self._envelope = envelope
        self._options = options
        self._report = report
        self._is_unwritten = False
        user = current_user()
        process = this_process()
        self._content = LockFile(
            time=format_time(now(), local_zone()),
            exclusive=options.exclusive,
            hostname=process.hostname,
            username=user.name,
            pid=process.pid,
            uid=user.uid,
            gid=user.gid,
            bkp_space=process.space,
        )
        self._is_eager = (
            options.eager and not options.retry_seconds
        )  # who waits for others waits for all
        self._aside: Aside | None = None
        self._is_over = threading.Event()
        self._wait_until_settled: Callable[[], None] = _nothing
        self._held: ObjectName | None = None
        self.refreshed = 0.0  # by the wall clock, which goes on while a machine sleeps
        self._refreshing = threading.Lock()  # the heartbeat and several uploads may want to at once
        self._heartbeat = Heartbeat(REFRESH_SECONDS, self._try_refresh)

    @property
    def id(self) -> str:
        """The name of the lock's object, as long as it is held; it changes now and then."""
        return self._held.id if self._held is not None else ""

    def __enter__(self) -> "Lock":
        give_up = time.monotonic() + self._options.retry_seconds
        pause = _FIRST_PAUSE
        while True:
            try:
                self._acquire()
            except Locked as error:
                left = give_up - time.monotonic()
                if left <= 0:
                    raise
                self._report(Notice(f"{error}; waiting"))
                time.sleep(min(pause, left))
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return self

    def _acquire(self) -> None:
        self._is_over.clear()
        self._refuse_conflicts()
        try:
            self._write_if_there_is_room()
            self._aside = Aside()
            self._wait_until_settled = self._aside.begin(self._settle)
            if not self._is_eager:
                self._wait_until_settled()
            self._heartbeat.__enter__()
        except BaseException:
            self._leave()
            raise

    def _write_if_there_is_room(self) -> None:
        self._is_unwritten = False
        try:
            self._write()
        except StoreFull:
            if not self._options.do_without_room:
                raise
            self._is_unwritten = True
            self._report(Notice("there is no room for a lock: let nobody begin anything now"))

    def __exit__(self, *exc: object) -> None:
        try:
            self._heartbeat.__exit__(*exc)
        finally:
            self._leave()

    def _leave(self) -> None:
        self._is_over.set()
        try:
            if self._aside is not None:
                self._aside.__exit__()
        finally:
            self._remove()

    def _settle(self) -> None:
        if self._is_over.wait(_SETTLE_SECONDS):
            return  # released already
        self._refuse_conflicts()

    def ensure(self) -> None:
        """Make sure that the lock still stands; to be called before each write.

        Raises Locked if somebody else's lock excludes it, or if it may have
        been taken for stale and removed.
        """
        self._wait_until_settled()
        with self._refreshing:
            if self._is_unwritten:
                self._refuse_conflicts()
                return
            if time.time() - self.refreshed < EXPIRED_SECONDS:
                return
            self._refuse_to_have_lost()
            self.refresh()
            self._settle()

    def confirm(self) -> None:
        """Look whether the lock is still there; to be called before what cannot be undone.

        Raises Locked if not: somebody took it for dead, as a wrong clock or
        a forced `unlock` may make one.
        """
        self.ensure()
        with self._refreshing:
            self._refuse_to_have_lost()

    def _refuse_to_have_lost(self) -> None:
        if self._is_unwritten:
            return  # there is none to lose
        held = self._held
        if held is None or not any(name == held for name, _ in self._store.scan(Kind.LOCK)):
            raise Locked("our lock was removed by somebody; run the command again")

    def _refuse_conflicts(self) -> None:
        for found in list_locks(self._store, self._envelope):
            if self._held is not None and found.id == self._held.id:
                continue
            if death := found.death():
                self._store.delete(ObjectName(Kind.LOCK, found.id))
                self._report(Notice(f"removed {found}: {death}"))
                continue
            if found.lock is None or found.lock.exclusive or self._content.exclusive:
                command = "bkp unlock" if found.is_stale() else "bkp unlock --remove-all"
                raise Locked(
                    f"the repository is locked: {found}; "
                    f"if nobody is at work any more, `{command}` removes the lock"
                )

    def _write(self) -> None:
        sealed = self._envelope.seal_file(encode_lock(self._content))
        name = ObjectName(Kind.LOCK, sha256(sealed).hexdigest())
        before, self._held = self._held, name  # first, so that an interruption leaves no lock
        try:
            self._store.put(name, sealed)
        except StoreError:
            self._held = before
            raise
        self.refreshed = time.time()

    def refresh(self) -> None:
        """Write the lock anew, then remove the old one."""
        before = self._held
        self._content = replace(self._content, time=format_time(now(), local_zone()))
        self._write()
        if before is not None:
            self._store.delete(before)

    def _try_refresh(self) -> None:
        try:
            with self._refreshing:
                if time.time() - self.refreshed < EXPIRED_SECONDS:
                    self.refresh()
        except (BkpError, OSError):
            return  # tried again in five minutes; `ensure` knows how long ago the last one was

    def _remove(self) -> None:
        if self._held is not None:
            try:
                self._store.delete(self._held)
            except StoreError:
                return  # it goes stale by itself
            self._held = None


def remove_locks(store: Store, envelope: Envelope, report: Reporter, *, even_live: bool) -> int:
    """Remove stale locks, or all that there are; return how many.

    Of one that cannot be read nobody knows whether it is stale; that is told.
    """
    if even_live:
        names = [name for name, _ in store.scan(Kind.LOCK)]
    else:
        locks = list(list_locks(store, envelope))
        names = [ObjectName(Kind.LOCK, found.id) for found in locks if found.is_stale()]
        for found in locks:
            if found.lock is None:
                report(Notice(f"left {found}; `bkp unlock --remove-all` removes all locks"))
    for name in names:
        store.delete(name)
    return len(names)
