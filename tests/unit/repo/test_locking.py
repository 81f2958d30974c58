"""Locks: who excludes whom, what is left behind, what is stale."""

import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace as changed
from hashlib import sha256

import pytest

from bkp.errors import Locked, Missing, StoreError, UsageError
from bkp.events import Event, Notice
from bkp.formats.lock import LockFile, encode_lock
from bkp.formats.pack import BlobType
from bkp.processes import process_space
from bkp.repo import locking
from bkp.repo.locking import STALE_SECONDS, list_locks
from bkp.repo.repository import Repository, RepositoryOptions
from bkp.store.base import Kind, ObjectName
from bkp.store.memory import MemoryStore
from bkp.times import UTC, format_time, now
from repos import make_repo, reopen
from stores import FailingStore, FullStore, RecordingStore, objects

ELSEWHERE = LockFile(
    time="2026-01-01T00:00:00Z", exclusive=False, hostname="elsewhere", username="u", pid=1
)


def plant(repo: Repository, lock: LockFile) -> ObjectName:
    sealed = repo.envelope.seal_file(encode_lock(lock))
    name = ObjectName(Kind.LOCK, sha256(sealed).hexdigest())
    repo.store.put(name, sealed)
    return name


def seconds_ago(seconds: int) -> str:
    return format_time(now() - seconds * 1_000_000_000, UTC)


def test_shared_locks_do_not_exclude_each_other() -> None:
    store = MemoryStore()
    repo = make_repo(store)

    with repo.lock(), reopen(store).lock():
        assert len(list(objects(store, Kind.LOCK))) == 2

    assert list(objects(store, Kind.LOCK)) == []


@pytest.mark.parametrize(("held", "wanted"), [(True, False), (False, True), (True, True)])
def test_an_exclusive_lock_excludes_all_others(held: bool, wanted: bool) -> None:
    store = MemoryStore()
    repo = make_repo(store)

    with repo.lock(exclusive=held):
        with pytest.raises(Locked, match="bkp unlock"), reopen(store).lock(exclusive=wanted):
            pass
        assert len(list(objects(store, Kind.LOCK))) == 1


def test_an_eager_lock_is_held_before_others_had_time_to_show() -> None:
    store = MemoryStore()
    repo = make_repo(store)

    with repo.lock(eager=True) as lock:
        assert len(list(objects(store, Kind.LOCK))) == 1
        plant(repo, changed(ELSEWHERE, exclusive=True, time=seconds_ago(1)))
        for _ in range(2):
            with pytest.raises(Locked, match="unlock"):
                lock.ensure()

    assert len(list(objects(store, Kind.LOCK))) == 1  # ours is gone


def test_an_eager_lock_is_as_good_as_another_once_it_is_ensured() -> None:
    store = MemoryStore()
    repo = make_repo(store)

    with repo.lock(eager=True) as lock:
        lock.ensure()
        with pytest.raises(Locked), repo.lock(exclusive=True):
            pass

    assert list(objects(store, Kind.LOCK)) == []


def test_nothing_is_stored_under_an_eager_lock_that_others_exclude() -> None:
    store = MemoryStore()
    repo = make_repo(store)
    before = {kind: len(list(objects(store, kind))) for kind in Kind}

    def write() -> None:
        with repo.lock(eager=True) as lock, repo.blob_writer(lock) as writer:
            plant(repo, changed(ELSEWHERE, exclusive=True, time=seconds_ago(1)))
            writer.write(BlobType.DATA, b"content")

    with pytest.raises(Locked):
        write()

    after = {kind: len(list(objects(store, kind))) for kind in Kind}
    assert after == before | {Kind.LOCK: 1}


def test_an_error_while_reading_is_explained_by_a_lock_that_came_meanwhile() -> None:
    repo = make_repo(MemoryStore())

    def read() -> None:
        with repo.reading():
            plant(repo, changed(ELSEWHERE, exclusive=True, time=seconds_ago(1)))
            raise Missing("somebody removed it")

    with pytest.raises(Locked):
        read()


def test_an_error_while_reading_alone_is_what_it_is() -> None:
    repo = make_repo(MemoryStore())

    def read() -> None:
        with repo.reading():
            raise Missing("it is gone")

    with pytest.raises(Missing):
        read()


def test_a_failure_under_an_eager_lock_leaves_none() -> None:
    store = MemoryStore()
    repo = make_repo(store)

    with pytest.raises(StoreError, match="broken"), repo.lock(eager=True):
        raise StoreError("broken")

    assert list(objects(store, Kind.LOCK)) == []


def test_a_refused_lock_says_who_holds_the_other() -> None:
    repo = make_repo(MemoryStore())
    plant(repo, changed(ELSEWHERE, exclusive=True, pid=4711, time=seconds_ago(1)))

    with pytest.raises(Locked, match=r"4711 of u on elsewhere"), repo.lock():
        pass


def test_a_lock_that_cannot_be_read_excludes() -> None:
    repo = make_repo(MemoryStore())
    repo.store.put(ObjectName(Kind.LOCK, "00" * 32), b"garbage" * 10)

    with pytest.raises(Locked, match="unreadable"), repo.lock():
        pass


def test_only_unlocking_all_removes_what_cannot_be_read() -> None:
    told: list[Event] = []
    repo = make_repo(MemoryStore(), report=told.append)
    repo.store.put(ObjectName(Kind.LOCK, "00" * 32), b"garbage" * 10)
    repo.store.put(ObjectName(Kind.LOCK, "11" * 32), b"")

    with pytest.raises(Locked, match="bkp unlock --remove-all"), repo.lock():
        pass
    assert repo.remove_locks() == 0
    (notice,) = told
    assert isinstance(notice, Notice)
    assert "bkp unlock --remove-all" in notice.message
    assert repo.remove_locks(even_live=True) == 2
    assert list(objects_of(repo)) == []


def test_a_lock_from_the_future_is_nobodys_guess() -> None:
    """Somebody's clock is wrong, and whether he is still there nobody can tell."""
    repo = make_repo(MemoryStore())
    plant(repo, changed(ELSEWHERE, exclusive=True, time=seconds_ago(-10 * 365 * 86400)))

    with pytest.raises(Locked, match="bkp unlock --remove-all"), repo.lock():
        pass
    assert repo.remove_locks() == 0
    assert repo.remove_locks(even_live=True) == 1


def test_a_lock_under_the_name_of_another_cannot_be_read() -> None:
    repo = make_repo(MemoryStore())
    name = plant(repo, changed(ELSEWHERE, time=seconds_ago(1)))
    repo.store.put(ObjectName(Kind.LOCK, "00" * 32), repo.store.get(name))

    assert [found.id for found in list_locks(repo.store, repo.envelope) if not found.lock] == [
        "00" * 32
    ]


def test_an_empty_lock_left_by_a_full_disk_is_ignored() -> None:
    repo = make_repo(MemoryStore())
    repo.store.put(ObjectName(Kind.LOCK, "00" * 32), b"")

    with repo.lock(exclusive=True):
        pass


def test_a_lock_is_stale_after_half_an_hour() -> None:
    repo = make_repo(MemoryStore())
    plant(repo, changed(ELSEWHERE, time=seconds_ago(STALE_SECONDS + 5)))
    plant(repo, changed(ELSEWHERE, time=seconds_ago(STALE_SECONDS - 60)))

    assert sorted(lock.is_stale() for lock in list_locks(repo.store, repo.envelope)) == [
        False,
        True,
    ]


def test_a_lock_of_a_dead_process_of_this_host_is_stale() -> None:
    repo = make_repo(MemoryStore())
    here = changed(ELSEWHERE, time=seconds_ago(0), hostname=socket.gethostname())
    plant(repo, changed(here, pid=gone()))
    live = plant(repo, changed(here, pid=os.getpid()))

    assert repo.remove_locks() == 1
    assert list(objects_of(repo)) == [live]


def gone() -> int:
    """Return the id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_lock_of_ours_whose_process_is_gone_is_removed_and_told(exclusive: bool) -> None:
    told: list[Event] = []
    repo = make_repo(MemoryStore(), report=told.append)
    dead = changed(ELSEWHERE, time=seconds_ago(60), exclusive=exclusive, pid=gone())
    plant(repo, changed(dead, bkp_space=process_space()))

    with repo.lock(exclusive=True):
        assert len(objects_of(repo)) == 1

    (notice,) = told
    assert isinstance(notice, Notice)
    assert "process is gone" in notice.message


def test_a_lock_that_is_old_is_removed_by_whoever_meets_it() -> None:
    told: list[Event] = []
    repo = make_repo(MemoryStore(), report=told.append)
    plant(repo, changed(ELSEWHERE, exclusive=True, time=seconds_ago(STALE_SECONDS + 5)))

    with repo.lock():
        pass

    assert objects_of(repo) == []
    assert "30 minutes" in str(told)


@pytest.mark.parametrize("space", ["", "another boot pid:[1]"])
def test_of_others_a_process_that_is_not_seen_may_live(space: str) -> None:
    """In a container, say, that has our host name."""
    repo = make_repo(MemoryStore())
    here = changed(ELSEWHERE, hostname=socket.gethostname(), time=seconds_ago(60), exclusive=True)
    planted = plant(repo, changed(here, pid=gone(), bkp_space=space))

    with pytest.raises(Locked), repo.lock():
        pass

    assert objects_of(repo) == [planted]


def test_a_live_lock_of_our_own_space_excludes() -> None:
    repo = make_repo(MemoryStore())
    here = changed(ELSEWHERE, time=seconds_ago(60), exclusive=True, pid=os.getpid())
    plant(repo, changed(here, bkp_space=process_space()))

    with pytest.raises(Locked), repo.lock():
        pass


def test_a_lock_is_waited_for_as_long_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "_FIRST_PAUSE", 0.02)
    told: list[Event] = []
    store = MemoryStore()
    holder = make_repo(store).lock(exclusive=True)
    patient = reopen(store, options=RepositoryOptions(retry_lock=60), report=told.append)
    impatient = reopen(store, options=RepositoryOptions(retry_lock=0.1))

    with holder:
        with pytest.raises(Locked), impatient.lock():
            pass
        release = threading.Timer(0.2, holder.__exit__, (None, None, None))
        release.start()
        with patient.lock(eager=True):
            release.join()

    assert "waiting" in str(told[0])


def test_without_a_lock_nothing_can_be_written() -> None:
    store = MemoryStore()
    make_repo(store)
    repo = reopen(store, options=RepositoryOptions(no_lock=True))

    with repo.reading():
        assert objects_of(repo) == []
    with pytest.raises(UsageError, match="no-lock"):
        repo.lock()


def test_a_lock_that_somebody_removed_is_missed_before_it_matters() -> None:
    repo = make_repo(MemoryStore())

    with repo.lock() as lock:
        lock.confirm()
        repo.remove_locks(even_live=True)
        lock.ensure()  # does not look: it would have to before each write
        with pytest.raises(Locked, match="removed"):
            lock.confirm()


def objects_of(repo: Repository) -> list[ObjectName]:
    return [name for name, _ in repo.store.scan(Kind.LOCK)]


def test_remove_all_removes_live_locks_too() -> None:
    repo = make_repo(MemoryStore())
    plant(repo, changed(ELSEWHERE, time=seconds_ago(0)))

    assert repo.remove_locks(even_live=True) == 1
    assert objects_of(repo) == []


def test_a_refreshed_lock_is_written_before_the_old_one_goes() -> None:
    store = RecordingStore()
    repo = make_repo(store)

    with repo.lock() as lock:
        before = objects_of(repo)
        store.log.clear()
        lock.refresh()

        assert [verb for verb, _ in store.log] == ["put", "delete"]
        assert len(objects_of(repo)) == 1
        assert objects_of(repo) != before


def test_a_holder_that_slept_too_long_finds_out_that_its_lock_is_gone() -> None:
    repo = make_repo(MemoryStore())

    with repo.lock() as lock:
        lock.ensure()
        lock.refreshed -= STALE_SECONDS  # the machine slept
        repo.remove_locks(even_live=True)  # and somebody took it for stale

        with pytest.raises(Locked, match="removed"):
            lock.ensure()


def test_a_holder_that_slept_refreshes_a_lock_that_still_stands() -> None:
    repo = make_repo(MemoryStore())

    with repo.lock() as lock:
        before = objects_of(repo)
        lock.refreshed -= STALE_SECONDS

        lock.ensure()

        assert objects_of(repo) != before


def test_a_lock_that_cannot_be_removed_does_not_hide_success() -> None:
    store = FailingStore()
    repo = make_repo(store)

    with repo.lock():
        store.fails = lambda verb, _name: StoreError("gone") if verb == "delete" else None


def test_several_threads_that_wake_together_refresh_once() -> None:
    store = RecordingStore()
    repo = make_repo(store)
    failures: list[Locked] = []

    with repo.lock() as lock:
        lock.refreshed -= STALE_SECONDS

        def wake() -> None:
            try:
                lock.ensure()
            except Locked as error:
                failures.append(error)

        threads = [threading.Thread(target=wake) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert failures == []
    assert objects_of(repo) == []


def test_a_lock_that_finds_room_in_another_try_is_like_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locking, "_FIRST_PAUSE", 0)
    store = FullStore()
    repo = make_repo(store)
    planted: list[ObjectName] = []

    def make_room(_: Event) -> None:
        """Be in the way of the first try, for which there is no room, and then go."""
        store.room = float("inf")
        if planted:
            store.delete(planted[0])
        else:
            planted.append(plant(repo, changed(ELSEWHERE, time=seconds_ago(0), exclusive=True)))

    store.fill()
    waiting = reopen(store, options=RepositoryOptions(retry_lock=60), report=make_room)
    with waiting.lock(do_without_room=True) as lock:
        assert len(list(objects(store, Kind.LOCK))) == 1
        repo.remove_locks(even_live=True)
        with pytest.raises(Locked, match="removed by somebody"):
            lock.confirm()
