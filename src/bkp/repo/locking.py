"""Locks, by restic's protocol: advisory objects that every client respects.

A lock is shared or exclusive.  To take one: look for conflicting locks, write
one's own, wait, look again, and withdraw if somebody was faster.  A lock is
written anew every five minutes; one older than 30 minutes is stale and may be
removed by `unlock`.  A holder that could not refresh in time (a laptop that
slept) must not go on as if nothing had happened.

Source: restic's doc/design.rst, "Locks".
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256

from bkp.errors import BkpError, IntegrityError, Locked, NotFound, StoreError
from bkp.formats.lock import LockFile, decode_lock, encode_lock
from bkp.store.base import Kind, ObjectName, Store
from bkp.times import format_time, local_zone, now, parse_time
from bkp.users import current_user
from bkp.workers import Aside, Heartbeat

from .envelope import Envelope

REFRESH_SECONDS = 5 * 60
STALE_SECONDS = 30 * 60
# After this long without a refresh, others may soon take the lock for stale.
EXPIRED_SECONDS = STALE_SECONDS - STALE_SECONDS // 4
_SETTLE_SECONDS = 0.2  # as restic: time for somebody else's lock to become visible
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FoundLock:
    """A lock in the repository; `lock` is None if it cannot be read."""

    id: str
    lock: LockFile | None

    def is_stale(self) -> bool:
        """Say whether its holder is certainly gone, by restic's rules."""
        if self.lock is None:
            return False
        if now() - parse_time(self.lock.time) > STALE_SECONDS * _NS:
            return True
        return self.lock.hostname == socket.gethostname() and not _is_alive(self.lock.pid)

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
            yield FoundLock(name.id, decode_lock(envelope.open_file(store.get(name))))
        except NotFound:
            continue
        except IntegrityError:
            yield FoundLock(name.id, None)


class Lock:
    """A lock held on a repository, refreshed in the background until released.

    A context manager; entering it raises Locked if somebody else's lock
    excludes this one.  An `eager` one is entered before the locks of others
    had time to show: `ensure` waits for that, and raises Locked in its turn.
    Until then its holder may read, and what it read holds only if `ensure`
    returns.
    """

    def __init__(
        self,
        store: Store,
        envelope: Envelope,
        *,
        exclusive: bool,
        eager: bool = False,
    ) -> None:
        self._store = store
        self._envelope = envelope
        user = current_user()
        self._content = LockFile(
            time=format_time(now(), local_zone()),
            exclusive=exclusive,
            hostname=socket.gethostname(),
            username=user.name,
            pid=os.getpid(),
            uid=user.uid,
            gid=user.gid,
        )
        self._is_eager = eager
        self._aside = Aside()
        self._wait_until_settled: Callable[[], None] = _nothing
        self._held: ObjectName | None = None
        self.refreshed = 0.0  # by the wall clock, which goes on while a machine sleeps
        self._refreshing = threading.Lock()  # the heartbeat and several uploads may want to at once
        self._heartbeat = Heartbeat(REFRESH_SECONDS, self._try_refresh)

    def __enter__(self) -> "Lock":
        self._refuse_conflicts()
        try:
            self._write()
            self._wait_until_settled = self._aside.begin(self._settle)
            if not self._is_eager:
                self._wait_until_settled()
            self._heartbeat.__enter__()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._heartbeat.__exit__(*exc)
        finally:
            self._leave()

    def _leave(self) -> None:
        try:
            self._aside.__exit__()
        finally:
            self._remove()

    def _settle(self) -> None:
        time.sleep(_SETTLE_SECONDS)
        self._refuse_conflicts()

    def ensure(self) -> None:
        """Make sure that the lock still stands; to be called before each write.

        Raises Locked if somebody else's lock excludes it, or if it may have
        been taken for stale and removed.
        """
        self._wait_until_settled()
        with self._refreshing:
            if time.time() - self.refreshed < EXPIRED_SECONDS:
                return
            held = self._held
            if held is None or not any(name == held for name, _ in self._store.scan(Kind.LOCK)):
                raise Locked("our lock was removed while this machine slept; run the command again")
            self.refresh()
            self._settle()

    def _refuse_conflicts(self) -> None:
        for found in list_locks(self._store, self._envelope):
            if self._held is not None and found.id == self._held.id:
                continue
            if found.lock is None or found.lock.exclusive or self._content.exclusive:
                raise Locked(
                    f"the repository is locked: {found}; "
                    "if that process is gone, `bkp unlock` removes the lock"
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


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def remove_locks(store: Store, envelope: Envelope, *, even_live: bool) -> int:
    """Remove stale locks, or all of them; return how many."""
    removed = 0
    for found in list(list_locks(store, envelope)):
        if even_live or found.is_stale():
            store.delete(ObjectName(Kind.LOCK, found.id))
            removed += 1
    return removed
