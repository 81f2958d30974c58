"""Threads: failures arrive, nobody waits for ever, and no thread is left behind."""

import threading
from collections.abc import Callable

import pytest

from bkp.workers import Pool

LONG = 30  # seconds; only a fault makes a test take that long


class _FailsWhenRead(Pool):
    """Fails just after a submitter found it sound."""

    is_tried = False

    def raise_failure(self) -> None:
        if self.is_tried:
            self._failure = self._failure or ValueError("just now")
        super().raise_failure()


def ends(work: Callable[[], None]) -> bool:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(LONG)
    return not thread.is_alive()


def test_a_failure_at_the_last_moment_loses_no_slot() -> None:
    pool = _FailsWhenRead(1, ahead=1)
    pool.is_tried = True
    with pytest.raises(ValueError, match="just now"):
        pool.submit(lambda: None)

    def drain() -> None:
        with pytest.raises(ValueError, match="just now"):
            pool.drain()

    assert ends(drain)


def test_work_that_cannot_be_started_loses_no_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    with Pool(1, ahead=1) as pool:
        with monkeypatch.context() as patch:
            patch.setattr(pool._executor, "submit", _no_thread)
            with pytest.raises(RuntimeError):
                pool.submit(lambda: None)
        assert ends(pool.drain)


def _no_thread(*_: object) -> None:
    raise RuntimeError("can't start new thread")


def test_the_first_failure_is_the_one_that_is_raised() -> None:
    both = threading.Barrier(2)
    first = threading.Event()

    def fail_first() -> None:
        both.wait()
        try:
            raise ValueError("first")
        finally:
            first.set()

    def fail_later() -> None:
        both.wait()
        while pool._failure is None:
            first.wait()
        raise KeyError("later")

    pool = Pool(2, ahead=2)
    pool.submit(fail_first)
    pool.submit(fail_later)
    with pytest.raises(ValueError, match="first"):
        pool.close()
