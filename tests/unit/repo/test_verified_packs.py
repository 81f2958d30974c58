"""What was verified when is remembered, if it can be; nothing but this run can be fooled."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bkp.crypto.seal import Key
from bkp.errors import Inauthentic, IntegrityError, Malformed
from bkp.events import Event, Notice
from bkp.ids import PackId, blob_id
from bkp.repo.repository import Repository, RepositoryOptions
from bkp.repo.saved_verifications import (
    MAX_SIZE,
    Verification,
    decode_verifications,
    encode_verifications,
)
from bkp.repo.verified_packs import VerifiedPacks
from bkp.store.base import Kind
from bkp.store.memory import MemoryStore
from repos import make_repo, reopen
from stores import objects

KEY = Key.generate()
PLACE = bytes(range(32))
PACKS = [PackId(blob_id(b"%d" % n)) for n in range(5)]
FOUND = {
    pack: Verification(1_700_000_000_000_000_000 + n, n % 2 == 0) for n, pack in enumerate(PACKS)
}
SAVED = encode_verifications(FOUND, PLACE, KEY)

# The file


@pytest.mark.parametrize("found", [FOUND, {}])
def test_it_comes_back(found: dict[PackId, Verification]) -> None:
    assert decode_verifications(encode_verifications(found, PLACE, KEY), PLACE, KEY) == found


def test_every_byte_counts() -> None:
    for at in range(len(SAVED)):
        changed = bytearray(SAVED)
        changed[at] ^= 1
        with pytest.raises(IntegrityError):
            decode_verifications(bytes(changed), PLACE, KEY)


def test_cut_short_or_extended_it_is_refused() -> None:
    for size in range(len(SAVED)):
        with pytest.raises(IntegrityError):
            decode_verifications(SAVED[:size], PLACE, KEY)
    for more in (b"\0", bytes(41)):
        with pytest.raises(IntegrityError):
            decode_verifications(SAVED + more, PLACE, KEY)


def test_that_of_another_repository_is_refused() -> None:
    with pytest.raises(Inauthentic):
        decode_verifications(SAVED, PLACE, Key.generate())
    with pytest.raises(Inauthentic, match="elsewhere"):
        decode_verifications(SAVED, bytes(32), KEY)
    with pytest.raises(Inauthentic):
        decode_verifications(SAVED.replace(PLACE, bytes(32)), bytes(32), KEY)


def test_another_version_is_refused() -> None:
    with pytest.raises(Malformed, match="version"):
        decode_verifications(b"bkp verified 002" + SAVED[16:], PLACE, KEY)


# The memory


@dataclass
class Clock:
    ns: int = 1_000

    def __call__(self) -> int:
        return self.ns


class Machine:
    """A repository, the cache of a user of it, and a clock."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.clock = Clock()
        self.seconds = 0.0
        self.store = MemoryStore()
        self.events: list[Event] = []
        make_repo(self.store)

    def repository(self, store: MemoryStore | None = None) -> Repository:
        return reopen(store or self.store, options=RepositoryOptions(cache=self.cache))

    def open(
        self, present: Iterable[PackId] = PACKS, repo: Repository | None = None
    ) -> VerifiedPacks:
        return VerifiedPacks(
            repo or self.repository(),
            frozenset(present),
            self.events.append,
            clock=self.clock,
            timer=lambda: self.seconds,
        )

    def note(self, *packs: PackId, is_sound: bool = True) -> None:
        with self.open() as verified:
            for pack in packs:
                verified.note(pack, is_sound=is_sound)

    def known(self) -> dict[PackId, Verification]:
        verified = self.open()
        found = {pack: verified.last(pack) for pack in PACKS}
        return {pack: last for pack, last in found.items() if last is not None}

    def file(self) -> Path:
        (path,) = self.cache.glob("*/verified-*")
        return path


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "cache")


def test_the_next_run_knows_what_was_verified(machine: Machine) -> None:
    assert machine.known() == {}
    machine.note(PACKS[0])
    machine.clock.ns = 2_000
    machine.note(PACKS[1], is_sound=False)

    assert machine.known() == {
        PACKS[0]: Verification(1_000, True),
        PACKS[1]: Verification(2_000, False),
    }
    assert machine.events == []


def test_what_came_out_last_counts(machine: Machine) -> None:
    machine.note(PACKS[0], is_sound=False)
    machine.clock.ns = 2_000
    machine.note(PACKS[0])

    assert machine.known() == {PACKS[0]: Verification(2_000, True)}


def test_packs_that_are_gone_are_forgotten(machine: Machine) -> None:
    machine.note(*PACKS)
    with machine.open(PACKS[1:]) as verified:
        verified.note(PACKS[1], is_sound=True)

    assert machine.known().keys() == set(PACKS[1:])


def test_nothing_is_written_if_nothing_was_verified(machine: Machine) -> None:
    machine.note()

    assert not machine.cache.exists()


def test_without_a_cache_a_run_knows_only_of_itself(machine: Machine) -> None:
    machine.note(PACKS[0])
    with machine.open(repo=reopen(machine.store)) as verified:
        verified.note(PACKS[1], is_sound=True)

        assert not verified.is_kept
        assert verified.last(PACKS[0]) is None
        assert verified.last(PACKS[1]) is not None
    assert machine.known().keys() == {PACKS[0]}


def test_a_time_in_the_future_counts_as_never(machine: Machine) -> None:
    machine.clock.ns = 9_000
    machine.note(PACKS[0])
    machine.note(PACKS[1], is_sound=False)
    machine.clock.ns = 3_000

    assert machine.known() == {PACKS[1]: Verification(0, False)}  # bad all the same

    machine.note(*PACKS[:2])
    machine.clock.ns = 9_500
    assert machine.known() == dict.fromkeys(PACKS[:2], Verification(3_000, True))


def test_runs_at_the_same_time_add_up(machine: Machine) -> None:
    machine.note(PACKS[0])
    with machine.open() as first, machine.open() as second:
        first.note(PACKS[4], is_sound=True)
        machine.clock.ns = 2_000
        second.note(PACKS[1], is_sound=True)
        second.note(PACKS[2], is_sound=True)
        second.note(PACKS[4], is_sound=False)
        machine.clock.ns = 3_000
        first.note(PACKS[2], is_sound=False)
        first.note(PACKS[3], is_sound=True)

    assert machine.known() == {
        PACKS[0]: Verification(1_000, True),
        PACKS[1]: Verification(2_000, True),
        PACKS[2]: Verification(3_000, False),
        PACKS[3]: Verification(3_000, True),
        PACKS[4]: Verification(2_000, False),
    }


def test_new_packs_that_another_run_verified_meanwhile_are_kept(machine: Machine) -> None:
    with machine.open(PACKS[:2]) as verified:
        machine.note(PACKS[4])
        verified.note(PACKS[0], is_sound=True)

    assert machine.known().keys() == {PACKS[0], PACKS[4]}


def test_a_run_that_fails_or_is_interrupted_is_remembered(machine: Machine) -> None:
    def run() -> None:
        with machine.open() as verified:
            verified.note(PACKS[0], is_sound=True)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()

    assert machine.known().keys() == {PACKS[0]}


def test_a_run_that_is_killed_loses_a_minute(machine: Machine) -> None:
    verified = machine.open()
    for seconds, pack in zip((0, 30, 61, 70), PACKS, strict=False):
        machine.seconds = seconds
        verified.note(pack, is_sound=True)

    assert machine.known().keys() == set(PACKS[:3])


def test_a_copy_of_the_repository_elsewhere_is_remembered_by_itself(machine: Machine) -> None:
    class Elsewhere(MemoryStore):
        location = "memory: of another"

    copy = Elsewhere()
    for kind in Kind:
        for name in objects(machine.store, kind):
            copy.put(name, machine.store.get(name))
    machine.note(PACKS[0])

    with machine.open(repo=machine.repository(copy)) as verified:
        assert verified.last(PACKS[0]) is None
        verified.note(PACKS[1], is_sound=True)

    assert machine.known().keys() == {PACKS[0]}
    assert machine.events == []


def forge(path: Path) -> None:
    path.write_bytes(encode_verifications(FOUND, PLACE, Key.generate()))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def make_huge(path: Path) -> None:
    os.truncate(path, MAX_SIZE + 1)


def let_others_write(path: Path) -> None:
    path.chmod(0o622)


def put_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (forge, "does not match"),
        (cut, "does not match"),
        (make_huge, "too many"),
        (let_others_write, "others may write"),
        (put_fifo, "no regular file"),
    ],
)
def test_what_cannot_be_believed_is_told_and_replaced(
    machine: Machine, spoil: Callable[[Path], None], reason: str
) -> None:
    machine.note(PACKS[0])
    spoil(machine.file())

    machine.note(PACKS[1])

    (notice,) = machine.events
    assert isinstance(notice, Notice)
    assert "not using" in notice.message
    assert reason in notice.message
    assert machine.known().keys() == {PACKS[1]}


def test_a_lost_file_is_nothing_to_tell(machine: Machine) -> None:
    machine.note(PACKS[0])
    machine.file().unlink()

    assert machine.known() == {}
    assert machine.events == []


def test_where_nothing_can_be_kept_that_is_told_once(machine: Machine) -> None:
    machine.cache.parent.mkdir(exist_ok=True)
    machine.cache.write_bytes(b"")
    with machine.open() as verified:
        machine.events.clear()
        for seconds, pack in ((61, PACKS[0]), (122, PACKS[1])):
            machine.seconds = seconds
            verified.note(pack, is_sound=True)

    assert [type(event) for event in machine.events] == [Notice]
    assert "cannot be remembered" in str(machine.events)
