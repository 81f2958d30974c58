"""Several clients on one store, whose operations are let through one at a time, in any order.

Each client works in threads of its own and may be stopped between any two
operations, for good too, as if its process had died.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from bkp.errors import BkpError, Unavailable
from bkp.processes import Process
from bkp.store.base import Buffer, Draft, Kind, ObjectName
from bkp.store.gathered import GatheredDraft
from bkp.store.memory import MemoryStore

_PATIENCE = 60.0  # seconds, for a client to come to its next operation


class Gate:
    """Where the threads of a client wait before each operation."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting = 0
        self._allowed = 0
        self._is_dead = False
        self.is_finished = False
        self.changes = 0  # operations that changed the store

    def enter(self, *, changes: bool) -> None:
        """Wait to be let through; raises Unavailable once the client is dead."""
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._allowed or self._is_dead)
            self._waiting -= 1
            if self._is_dead:
                raise Unavailable("this process has died")
            self._allowed -= 1
            self.changes += changes
            self._changed.notify_all()

    def let_through(self) -> None:
        """Let one operation through, and wait until the next one waits or there is none."""
        with self._changed:
            if self._settled():
                self._allowed += not self.is_finished
                self._changed.notify_all()
            assert self._changed.wait_for(self._settled, _PATIENCE), "a client hangs"

    def _settled(self) -> bool:
        return self.is_finished or (not self._allowed and self._waiting > 0)

    def settle(self) -> None:
        """Wait until an operation waits, or the client has finished."""
        with self._changed:
            assert self._changed.wait_for(self._settled, _PATIENCE), "a client hangs"

    def kill(self) -> None:
        """Let nothing through any more."""
        with self._changed:
            self._is_dead = True
            self._changed.notify_all()

    def finish(self) -> None:
        """Say that there is nothing more to come."""
        with self._changed:
            self.is_finished = True
            self._changed.notify_all()


class GatedStore:
    """A store behind a gate."""

    location = "gated:"

    def __init__(self, store: MemoryStore, gate: Gate) -> None:
        self._store = store
        self._gate = gate

    def get(self, name: ObjectName, start: int = 0, length: int | None = None) -> bytes:
        self._gate.enter(changes=False)
        return self._store.get(name, start, length)

    def begin(self, _kind: Kind, /) -> Draft:
        return GatheredDraft(self.put)

    def put(self, name: ObjectName, data: Buffer) -> None:
        self._gate.enter(changes=True)
        self._store.put(name, data)

    def replace(self, name: ObjectName, data: Buffer) -> None:
        self._gate.enter(changes=True)
        self._store.replace(name, data)

    def scan(self, kind: Kind) -> Iterator[tuple[ObjectName, int]]:
        self._gate.enter(changes=False)
        return iter(list(self._store.scan(kind)))

    def delete(self, name: ObjectName) -> None:
        self._gate.enter(changes=True)
        self._store.delete(name)


class Processes:
    """Who is who: stands in for the processes of a machine."""

    def __init__(self) -> None:
        self._own = threading.local()
        self.dead: set[int] = set()
        self.strangers: set[int] = set()  # those whose locks do not say where they are

    def be(self, pid: int) -> None:
        """Make the present thread that of a process."""
        self._own.pid = pid

    def this_process(self) -> Process:
        pid = getattr(self._own, "pid", 0)
        return Process("host", pid, "" if self.is_stranger() else "space")

    def is_stranger(self) -> bool:
        return getattr(self._own, "pid", 0) in self.strangers

    def is_alive(self, pid: int) -> bool:
        return pid not in self.dead


class Client:
    """One piece of work on a store, in a thread, at the pace of its gate."""

    def __init__(
        self,
        pid: int,
        store: MemoryStore,
        processes: Processes,
        work: Callable[[GatedStore], None],
    ) -> None:
        self.pid = pid
        self.gate = Gate()
        self.error: BaseException | None = None
        self._processes = processes
        self._thread = threading.Thread(target=self._run, args=(GatedStore(store, self.gate), work))
        self._thread.start()
        self.gate.settle()

    def _run(self, store: GatedStore, work: Callable[[GatedStore], None]) -> None:
        self._processes.be(self.pid)
        try:
            with suppress(BkpError):  # it was locked out, say, or killed
                work(store)
        except BaseException as error:
            self.error = error
        finally:
            self.gate.finish()

    def step(self, operations: int) -> None:
        """Do some operations, as long as there are any."""
        for _ in range(operations):
            if self.gate.is_finished:
                break
            self.gate.let_through()
        if self.error is not None:
            raise self.error

    def crash(self) -> None:
        """End it where it is; what it wrote stays."""
        self._processes.dead.add(self.pid)
        self.gate.kill()
        self._thread.join(_PATIENCE)
        assert not self._thread.is_alive(), "a client hangs"
