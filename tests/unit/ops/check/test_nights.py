"""Checks that read for a while each: after enough of them everything was verified."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bkp.errors import Interrupted
from bkp.events import Checked, Event, Problem, ignore
from bkp.formats.pack import BlobType
from bkp.ids import PackId, blob_id
from bkp.ops.check.run import CheckOptions, CheckResult, check
from bkp.ops.check.subset import Everything, Part, Subset
from bkp.repo.audit import pack_sizes
from bkp.repo.repository import Repository, RepositoryOptions, open_repository
from bkp.store.base import Kind, ObjectName
from bkp.store.memory import MemoryStore
from packed import flip, mark_all, object_of, pack_of, replace, save
from repos import PASSWORD, make_repo

ALL = Everything()
PACK_SECONDS = 10.0
DAY = 24 * 3600 * 1_000_000_000  # ns
FILES = {b"%d" % number: b"contents %d" % number for number in range(6)}  # each in its packs


class Packs(MemoryStore):
    """A store in which reading a pack takes time; `read` are those that were, in this order."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.read: dict[PackId, None] = {}

    def get(self, name: ObjectName, start: int = 0, length: int | None = None) -> bytes:
        data = super().get(name, start, length)
        # Whoever verifies a small pack reads all of it to find the header; others read blobs.
        if name.kind is Kind.PACK and len(data) == len(super().get(name)):
            pack = PackId(bytes.fromhex(name.id))
            if pack not in self.read:
                self.seconds += PACK_SECONDS
            self.read[pack] = None
        return data


class Nights:
    """A repository of twelve packs, and somebody who checks it night after night."""

    def __init__(self, cache: Path) -> None:
        self.store = Packs()
        self.cache = cache
        self.time = 20_000 * DAY
        self.repo = make_repo(self.store)
        for name, contents in FILES.items():
            save(self.repo, {name: contents})

    def open(self) -> Repository:
        return open_repository(self.store, PASSWORD, options=RepositoryOptions(cache=self.cache))

    def check(
        self,
        seconds: float = float("inf"),
        *,
        read: Subset | None = ALL,
        report: Callable[[Event], None] = ignore,
    ) -> CheckResult:
        """Check the next night."""
        self.time += DAY
        self.store.read.clear()
        options = CheckOptions(read=read, max_seconds=seconds)
        return check(
            self.open(), options, report, clock=lambda: self.time, timer=lambda: self.store.seconds
        )

    def pack(self, number: int) -> PackId:
        """Return the pack that a file's contents are in."""
        return pack_of(self.repo, blob_id(FILES[b"%d" % number]))

    def damage(self, number: int) -> Callable[[], None]:
        """Flip a bit of a file's contents; return what undoes it."""
        place = self.repo.index.places(BlobType.DATA, blob_id(FILES[b"%d" % number]))[0]
        name = object_of(place.pack)
        intact = self.store.get(name)
        flip(self.store, name, place.blob.offset + 20)
        return lambda: replace(self.store, name, intact)


@pytest.fixture
def nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nights:
    monkeypatch.setattr("bkp.repo.locking._SETTLE_SECONDS", 0)
    return Nights(tmp_path / "cache")


def test_after_enough_nights_everything_was_read(nights: Nights) -> None:
    last = {pack: 0 for pack in pack_sizes(nights.repo)}  # the night in which each was read
    for night in range(1, 10):
        result = nights.check(25)
        read = nights.store.read.keys()
        left = last.keys() - read
        assert 0 < result.packs_read == len(read) < 12
        assert max(last[pack] for pack in read) <= min(last[pack] for pack in left)
        last |= dict.fromkeys(read, night)
        assert result.coverage.never == list(last.values()).count(0)

    assert result.coverage.never == 0
    assert result.coverage.oldest_ns == (20_000 + min(last.values())) * DAY


def test_no_pack_is_begun_when_the_time_is_over(nights: Nights) -> None:
    result = nights.check(0)

    assert (result.packs_read, result.bytes_read) == (0, 0)
    assert nights.store.read == {}
    assert (result.coverage.packs, result.coverage.never) == (12, 12)


def test_a_pack_that_was_bad_is_read_first_until_it_is_intact(nights: Nights) -> None:
    nights.check()
    repair = nights.damage(3)
    result = nights.check()
    assert [fault.where for fault in result.faults] == [str(object_of(nights.pack(3)))]
    assert result.coverage.bad == 1

    for _ in range(2):
        result = nights.check(1)
        assert nights.pack(3) in list(nights.store.read)[:2]  # there are two readers
        assert result.fault_count == 1

    repair()
    result = nights.check(1)
    assert nights.pack(3) in nights.store.read
    assert result.is_sound
    assert result.coverage.bad == 0

    nights.check(1)
    assert nights.pack(3) not in nights.store.read


def test_a_pack_that_was_bad_is_read_whatever_the_subset(nights: Nights) -> None:
    nights.damage(3)
    nights.check()
    bad = nights.pack(3)
    other_part = Part((bad[0] + 1) % 256 + 1, 256)

    assert not nights.check(read=other_part).is_sound
    assert bad in nights.store.read

    assert nights.check(read=None).coverage.bad == 1  # which reads nothing
    assert bad not in nights.store.read


def test_a_bad_pack_that_is_gone_is_forgotten(nights: Nights) -> None:
    nights.damage(3)
    nights.check()
    nights.store.delete(object_of(nights.pack(3)))

    result = nights.check()

    assert ["missing" in fault.message for fault in result.faults] == [True]
    assert (result.coverage.packs, result.coverage.bad) == (11, 0)


def test_a_pack_of_the_wrong_size_is_remembered_as_bad(nights: Nights) -> None:
    name = object_of(nights.pack(3))
    replace(nights.store, name, nights.store.get(name)[:-1])

    assert nights.check(read=None).coverage.bad == 1


def test_with_a_subset_the_time_is_for_that(nights: Nights) -> None:
    part = Part(1, 2)
    chosen = set(part.choose({nights.pack(n): 1 for n in range(6)}))

    nights.check(1000, read=part)

    data = {nights.pack(n) for n in range(6)}
    assert nights.store.read.keys() & data == chosen


def test_what_every_kind_of_run_reads_is_remembered(nights: Nights) -> None:
    part = nights.check(read=Part(1, 2))
    assert part.coverage.never == 12 - part.packs_read
    assert nights.check(read=Part(2, 2)).coverage.never == 0
    assert nights.check().coverage.oldest_ns == 20_003 * DAY
    assert nights.check(read=None).coverage.oldest_ns == 20_003 * DAY


def test_new_packs_come_before_old_ones(nights: Nights) -> None:
    nights.check()
    saved = save(nights.repo, {b"new": b"file"})
    data = pack_of(nights.repo, blob_id(b"file"))
    tree = pack_of(nights.repo, saved.snapshot.tree, BlobType.TREE)

    assert nights.check(11).coverage.never == 0
    assert {data, tree} <= nights.store.read.keys()
    assert len(nights.store.read) < 5


@pytest.mark.parametrize("error", [KeyboardInterrupt, Interrupted])
def test_an_interrupted_run_keeps_and_tells_what_it_found(
    nights: Nights, error: type[BaseException]
) -> None:
    nights.damage(0)
    nights.check(read=Part(nights.pack(0)[0] + 1, 256))
    before = set(nights.store.read)
    events: list[Event] = []

    def interrupt(event: Event) -> None:
        events.append(event)
        if isinstance(event, Checked) and event.what == "data" and event.done >= 5:
            raise error

    with pytest.raises(error):
        nights.check(report=interrupt)

    read = set(nights.store.read)
    assert 5 <= len(read) < 8
    assert [event.path for event in events if isinstance(event, Problem)] == [
        str(object_of(nights.pack(0))).encode()
    ]
    result = nights.check(0)
    assert result.coverage.never == 12 - len(read | before)
    assert result.coverage.bad == 1


def test_without_a_memory_a_later_run_may_read_the_same(nights: Nights) -> None:
    nights.check()
    for path in nights.cache.rglob("verified-*"):
        path.unlink()

    assert nights.check(1).coverage.never > 0


def test_a_marked_pack_that_is_needed_has_its_turn(nights: Nights) -> None:
    mark_all(nights.repo)

    never = 12
    while never:
        result = nights.check(25)
        assert result.coverage.packs == 12
        assert result.coverage.never < never
        never = result.coverage.never
