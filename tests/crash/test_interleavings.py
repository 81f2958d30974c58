"""Clients at work at the same time, operation by operation: no snapshot loses anything.

Snapshots, forgetting, pruning in both ways, and readers are mixed in any order,
clocks go on, processes die. Whenever something has changed, every snapshot that
is there must be complete.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from bkp.errors import IntegrityError
from bkp.events import ignore
from bkp.files.selection.patterns import PatternList
from bkp.formats.pack import BlobType
from bkp.library import snapshot
from bkp.ops import commit as committing
from bkp.ops.edit.rewriting import RewriteOptions, rewrite
from bkp.ops.edit.tagging import TagChange, change_tags
from bkp.ops.forget.run import remove_snapshots
from bkp.ops.prune import run as pruning
from bkp.ops.prune.options import KEEP_DELETE, PruneOptions
from bkp.ops.prune.run import prune
from bkp.ops.selection import Selection
from bkp.ops.walktree import blobs_of, walk
from bkp.repo import locking
from bkp.repo.marks import Others, others
from bkp.repo.repository import Repository, RepositoryOptions, open_repository
from bkp.store.base import Kind, Store
from bkp.store.memory import MemoryStore
from repos import PASSWORD, make_repo
from stepping import Client, GatedStore, Processes
from trees import build

OPTIONS = RepositoryOptions(pack_size=64 << 10)
HOUR = 3600 * 10**9
AT_ONCE = 3  # clients


def open_in(store: Store) -> Repository:
    return open_repository(store, PASSWORD, options=OPTIONS)


@pytest.fixture(scope="module")
def sources() -> Iterator[list[bytes]]:
    """Directories that share some of what is in them."""
    contents = {name: Random(name).randbytes(3000) for name in "abc"}
    with TemporaryDirectory(dir="/dev/shm") as directory:
        yield [
            build(
                Path(directory) / chosen,
                {**{name: contents[name] for name in chosen}, "d": {"e": contents[chosen[0]]}},
            )
            for chosen in ("ab", "bc", "ac")
        ]


class Clients(RuleBasedStateMachine):
    """Some clients of one repository."""

    sources: list[bytes] = []  # noqa: RUF012
    keep_delete = KEEP_DELETE
    is_blind = False  # readers do not look into marked packs
    processes: Processes

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.clients: list[Client] = []
        self.pids = itertools.count(1)
        self.time = 19 * 10**17
        self.checked = -1
        self.crashed = False

    @initialize()
    def make(self) -> None:
        make_repo(self.store, options=OPTIONS)

    def _start(self, work: Callable[[GatedStore], None], pid: int = 0) -> None:
        running = self._running()
        if len(running) == AT_ONCE:
            running[0].step(10_000)
        self.clients.append(Client(pid or next(self.pids), self.store, self.processes, work))

    @rule(number=st.integers(0, 2))
    def start_snapshot(self, number: int) -> None:
        source = self.sources[number]
        self._start(lambda store: void(snapshot(open_in(store), [source])))

    @rule(number=st.integers(0, 2))
    def start_stranger(self, number: int) -> None:
        """Begin a snapshot by somebody who knows no marks, as restic does not."""
        source = self.sources[number]
        pid = next(self.pids)
        self.processes.strangers.add(pid)
        self._start(lambda store: void(snapshot(open_in(store), [source])), pid)

    @rule(at_once=st.sampled_from([False, False, True]))
    def start_prune(self, at_once: bool) -> None:
        options = PruneOptions(
            max_unused=lambda _: 0, keep_delete=self.keep_delete, at_once=at_once
        )
        self._start(
            lambda store: void(prune(open_in(store), options, ignore, clock=lambda: self.time))
        )

    @rule(oldest=st.booleans())
    def start_forget(self, oldest: bool) -> None:
        def work(store: GatedStore) -> None:
            repo = open_in(store)
            if found := repo.snapshots.load_all():
                with repo.lock() as lock:
                    remove_snapshots(repo, lock, [found[0 if oldest else -1].id], ignore)

        self._start(work)

    @rule(forget=st.booleans())
    def start_rewrite(self, forget: bool) -> None:
        selection = Selection(exclude=PatternList([b"**/d"]))

        def work(store: GatedStore) -> None:
            repo = open_in(store)
            with repo.lock() as lock:
                found = repo.snapshots.load_all()
                repo.load_index()
                options = RewriteOptions(selection=selection, forget=forget)
                void(list(rewrite(repo, lock, found, options, ignore)))

        self._start(work)

    @rule(tag=st.sampled_from("ab"))
    def start_tag(self, tag: str) -> None:
        def work(store: GatedStore) -> None:
            repo = open_in(store)
            with repo.lock() as lock:
                found = repo.snapshots.load_all()
                void(list(change_tags(repo, lock, found, TagChange(add=(tag,)))))

        self._start(work)

    @rule()
    def start_reading(self) -> None:
        self._start(self._read)

    def _read(self, store: GatedStore) -> None:
        repo = open_in(store)
        with repo.reading():
            names = repo.snapshots.ids()
            repo.load_index()
            for name in names:
                try:
                    read_all(repo, name)
                except IntegrityError as error:
                    if any(name == left for left in open_in(self.store).snapshots.ids()):
                        raise AssertionError("a reader met a loss") from error

    def _running(self) -> list[Client]:
        return [client for client in self.clients if not client.gate.is_finished]

    def _one(self, which: int) -> Client:
        """Return one of those at work, or one that begins: rules cannot know whether there are."""
        if not self._running():
            self.start_snapshot(which % 3)
        running = self._running()
        return running[which % len(running)]

    @rule(which=st.integers(0, 9), operations=st.integers(1, 12))
    def step(self, which: int, operations: int) -> None:
        self._one(which).step(operations)

    @rule(which=st.integers(0, 9))
    def finish(self, which: int) -> None:
        self._one(which).step(10_000)

    @rule(which=st.integers(0, 9))
    def crash(self, which: int) -> None:
        self.crashed = True
        self._one(which).crash()

    @rule(hours=st.sampled_from([1, 24, 24]))
    def go_on(self, hours: int) -> None:
        self.time += hours * HOUR

    @invariant()
    def every_snapshot_is_complete(self) -> None:
        changes = sum(client.gate.changes for client in self.clients)
        if changes == self.checked or not list(self.store.scan(Kind.CONFIG)):
            return
        self.checked = changes
        repo = open_in(self.store)
        repo.load_index()
        if self.is_blind or not (self._running() or self.crashed):
            repo.marked.reset()  # to see what restic sees
        for name in repo.snapshots.ids():
            try:
                read_all(repo, name)
            except IntegrityError as error:
                raise AssertionError(f"a snapshot has lost something: {error}") from error

    def teardown(self) -> None:
        self.processes.strangers.clear()
        for client in self._running():
            client.crash()
        counts["operations"] += sum(client.gate.changes for client in self.clients)
        counts["runs"] += 1


counts = {"operations": 0, "runs": 0}


def void(_: object) -> None:
    """Make a call a statement."""


def read_all(repo: Repository, name: object) -> None:
    """Read everything of a snapshot; raises IntegrityError."""
    tree = repo.snapshots.load(name).tree  # type: ignore[arg-type]
    problems: list[object] = []
    names = {blob for found in walk(repo, tree, problems.append) for blob in blobs_of(found.node)}
    if problems:
        raise IntegrityError(str(problems))
    for blob in names:
        repo.read_blob(BlobType.DATA, blob)


@pytest.fixture
def machine(sources: list[bytes], monkeypatch: pytest.MonkeyPatch) -> type[Clients]:
    processes = Processes()
    monkeypatch.setattr(locking, "_SETTLE_SECONDS", 0)
    monkeypatch.setattr(locking, "this_process", processes.this_process)
    monkeypatch.setattr(locking, "process_space", lambda: "space")
    monkeypatch.setattr(locking, "is_alive", processes.is_alive)
    keep_indexed = committing.keep_indexed

    def keep_unless_stranger(*asked: Any) -> None:
        if not processes.is_stranger():
            keep_indexed(*asked)

    monkeypatch.setattr(committing, "keep_indexed", keep_unless_stranger)
    Clients.sources = sources
    Clients.processes = processes
    return Clients


HOWEVER_LONG = settings(
    deadline=None,
    stateful_step_count=40,
    suppress_health_check=list(HealthCheck),
    database=None,
    derandomize=True,
)


def test_no_snapshot_loses_anything(machine: type[Clients]) -> None:
    run_machine(machine, settings=settings(HOWEVER_LONG, max_examples=150))
    assert counts["runs"] >= 150


def test_the_clock_is_not_what_it_depends_on(
    machine: type[Clients], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a grace, who held a lock when packs were marked still keeps them."""
    monkeypatch.setattr(machine, "keep_delete", 0)
    run_machine(machine, settings=settings(HOWEVER_LONG, max_examples=150))


def another_snapshot(clients: Clients) -> None:
    clients.start_snapshot(0)


def a_stranger(clients: Clients) -> None:
    clients.start_stranger(0)


def a_rewrite(clients: Clients) -> None:
    clients.start_rewrite(forget=False)


def tagging(clients: Clients) -> None:
    clients.start_tag("a")


def overtake(
    machine: type[Clients],
    start: Callable[[Clients], None] = another_snapshot,
    *,
    is_seen_by_all: bool = True,
) -> None:
    """Let a client be overtaken at each of its operations by all that could harm it.

    It relies on what an older snapshot stored; that is forgotten, and pruned twice.
    In the end restic too, which knows no marks, must find what `is_seen_by_all`.
    """
    for operations in range(1, 60):
        clients = machine()
        clients.make()
        clients.crashed = not is_seen_by_all
        try:
            clients.start_snapshot(0)
            clients.finish(-1)
            start(clients)
            clients.step(0, operations)
            clients.start_forget(oldest=True)
            clients.finish(-1)
            for _ in range(2):
                clients.start_prune(at_once=False)
                clients.finish(-1)
                clients.go_on(24)
            clients.finish(0)
            clients.every_snapshot_is_complete()
        finally:
            clients.teardown()


@pytest.mark.parametrize("start", [another_snapshot, a_stranger, a_rewrite, tagging])
def test_who_relies_on_what_is_there_may_be_overtaken_anywhere(
    machine: type[Clients], start: Callable[[Clients], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    overtake(machine, start)
    monkeypatch.setattr(machine, "keep_delete", 0)
    overtake(machine, start)


@pytest.mark.parametrize("start", [another_snapshot, a_rewrite, tagging])
def test_if_nobody_looked_who_is_there_it_would(
    machine: type[Clients], start: Callable[[Clients], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test has teeth."""
    monkeypatch.setattr(machine, "keep_delete", 0)
    monkeypatch.setattr(pruning, "others", lambda *_: Others(frozenset(), strangers=False))
    with pytest.raises(AssertionError, match="los"):
        overtake(machine, start)


def test_if_nobody_put_back_what_was_marked_restic_would_miss_it(
    machine: type[Clients], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "keep_indexed", lambda *_: None)
    with pytest.raises(AssertionError, match="los"):
        overtake(machine)


def test_if_marks_were_made_beside_strangers_restic_would_miss_it(
    machine: type[Clients], monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_strangers(*asked: Any) -> Others:
        return replace(others(*asked), strangers=False)

    monkeypatch.setattr(pruning, "others", without_strangers)
    with pytest.raises(AssertionError, match="los"):
        overtake(machine, a_stranger)


def test_if_readers_were_blind_to_marks_they_would_meet_a_loss(
    machine: type[Clients], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as who relies on marked packs has not put them back, or died before."""
    monkeypatch.setattr(committing, "keep_indexed", lambda *_: None)
    overtake(machine, is_seen_by_all=False)
    monkeypatch.setattr(machine, "is_blind", True)
    with pytest.raises(AssertionError, match="los"):
        overtake(machine, is_seen_by_all=False)
