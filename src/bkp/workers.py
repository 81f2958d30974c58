"""Threads: the only module that starts any.

Work is handed to a fixed number of threads and comes back in order.  A
failure in a worker is raised where its result is taken, and nothing that was
queued behind it is started.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def _nothing() -> None:
    pass


def ordered_map(
    work: Callable[[T], R],
    items: Iterable[T],
    *,
    threads: int,
    ahead: int,
    is_quick: Callable[[T], bool] = lambda _: False,
    abandon: Callable[[], None] = _nothing,
) -> Generator[R, None, None]:
    """Yield `work(item)` for every item, in the order of the items.

    At most `ahead` items are taken before their results are: that bounds the
    memory.  `items` is consumed in the caller's thread, and work that is quick
    is done there too: handing it over would take longer than doing it.

    If this ends early, by a failure or because it is closed, it calls
    `abandon` and then waits for the work that is under way: where that can
    take long, `abandon` must make it end.

    Whoever keeps the generator in a variable must close it: a frame that an
    exception remembers keeps it too, and the garbage collector, which then
    closes it at any time and in any thread, can meet itself at a lock of
    `threading` that waiting for threads takes.
    """
    pending: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            pending.append(_done(work, item) if is_quick(item) else pool.submit(work, item))
            if len(pending) >= ahead or pending[0].done():
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BaseException:
        abandon()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _done(work: Callable[[T], R], item: T) -> Future[R]:
    future: Future[R] = Future()
    future.set_result(work(item))
    return future


class Pool:
    """A fixed number of threads with a bounded queue of work.

    A context manager: leaving it waits for what was submitted.  The first
    failure is kept and raised by the next `submit` and by leaving; work that
    was queued when something failed is dropped.
    """

    def __init__(self, threads: int, ahead: int) -> None:
        self._executor = ThreadPoolExecutor(threads)
        self._ahead = ahead
        self._slots = threading.BoundedSemaphore(ahead)
        self._failure: BaseException | None = None

    def submit(self, work: Callable[[], None]) -> None:
        """Queue `work`, waiting while the queue is full.

        Raises what an earlier piece of work raised.
        """
        self._slots.acquire()
        try:
            self.raise_failure()
            self._executor.submit(self._run, work)
        except BaseException:
            self._slots.release()  # else `drain` would wait for it for ever
            raise

    def _run(self, work: Callable[[], None]) -> None:
        try:
            if self._failure is None:
                work()
        except BaseException as error:
            self._failure = self._failure or error
        finally:
            self._slots.release()

    def raise_failure(self) -> None:
        """Raise what a piece of work raised, if one did."""
        if self._failure is not None:
            raise self._failure

    def drain(self) -> None:
        """Wait until everything submitted so far is done; to be called by one thread."""
        taken = 0
        try:
            for _ in range(self._ahead):
                self._slots.acquire()
                taken += 1
        finally:  # an interruption too must leave the slots to others
            if taken:
                self._slots.release(taken)
        self.raise_failure()

    def close(self) -> None:
        """Wait for all work, then raise the first failure if there was one."""
        self._executor.shutdown(wait=True)
        self.raise_failure()

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.close()
        else:  # the caller's error is the one to see
            self._failure = self._failure or RuntimeError("abandoned")
            self._executor.shutdown(wait=True)


class Aside:
    """One thread for work whose result is wanted later.

    A context manager; leaving it drops work that has not begun, and waits for
    what has.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1)

    def begin(self, work: Callable[[], R]) -> Callable[[], R]:
        """Begin some work; what is returned waits for the result, or raises what it raised."""
        return self._executor.submit(work).result

    def __enter__(self) -> "Aside":
        return self

    def __exit__(self, *exc: object) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)


class Heartbeat:
    """Call something at a fixed interval in the background until stopped.

    A context manager.  Exceptions of `beat` are its own business: it must
    not raise.
    """

    def __init__(self, seconds: float, beat: Callable[[], None]) -> None:
        self._seconds = seconds
        self._beat = beat
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            self._beat()

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()


class Background:
    """Run one piece of work beside the caller; leaving tells it to stop and waits.

    `work` is given a callable that says whether it should stop early.
    """

    def __init__(self, work: Callable[[Callable[[], bool]], None]) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=work, args=(self._stop.is_set,), daemon=True)

    def __enter__(self) -> "Background":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
