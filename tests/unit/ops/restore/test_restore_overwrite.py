"""Restores over something that is there already."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import pytest

from bkp.errors import IntegrityError, Interrupted
from bkp.events import EntryRestored, Event, Problem
from bkp.ids import BlobId, blob_id
from bkp.ops.restore.options import Overwrite, RestoreOptions, RestoreStats
from bkp.ops.restore.run import restore
from bkp.ops.selection import Selection
from memoryrepo import (
    MTIME,
    Consume,
    Dir,
    File,
    MemoryRepository,
    Spec,
    Special,
    Symlink,
    listing,
    seen,
    store,
)

PIECES = (b"1" * 70_000, b"2" * 80_000, b"3" * 90_000)


@pytest.fixture
def repository() -> MemoryRepository:
    return MemoryRepository()


def bring_back(
    repository: MemoryRepository,
    path: Path,
    entries: dict[bytes, Spec],
    options: RestoreOptions | None = None,
) -> tuple[RestoreStats, dict[bytes, str]]:
    """Restore, and return what was told: actions and problems by path."""
    events: list[Event] = []
    tree = store(repository, entries)
    repository.was_read.clear()
    stats = restore(repository, tree, path, listing(options), events.append)
    told = {event.path: event.action for event in events if isinstance(event, EntryRestored)}
    told |= {event.path: event.message for event in events if isinstance(event, Problem)}
    return stats, told


@pytest.mark.parametrize("overwrite", [Overwrite.ALWAYS, Overwrite.IF_CHANGED])
def test_what_is_right_is_not_read_but_gets_its_attributes(
    repository: MemoryRepository, tmp_path: Path, overwrite: Overwrite
) -> None:
    entries: dict[bytes, Spec] = {b"f": File(PIECES, mode=0o640)}
    bring_back(repository, tmp_path, entries)
    (tmp_path / "f").chmod(0o777)

    stats, told = bring_back(repository, tmp_path, entries, RestoreOptions(overwrite=overwrite))

    assert repository.was_read == []
    assert told == {b"/f": "unchanged"}
    assert (stats.files_skipped, stats.bytes_skipped, stats.total_files) == (1, 240_000, 0)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o640


def test_only_the_pieces_that_differ_are_read(repository: MemoryRepository, tmp_path: Path) -> None:
    entries: dict[bytes, Spec] = {b"f": File(PIECES)}
    bring_back(repository, tmp_path, entries)
    with (tmp_path / "f").open("r+b") as file:
        file.seek(100_000)
        file.write(b"changed")
    inode = (tmp_path / "f").stat().st_ino

    stats, told = bring_back(repository, tmp_path, entries, RestoreOptions(verify=True))

    assert len(repository.was_read) == 1
    assert told == {b"/f": "updated"}
    assert stats.bytes_restored == stats.total_bytes == 240_000
    assert (tmp_path / "f").read_bytes() == b"".join(PIECES)
    assert (tmp_path / "f").stat().st_ino == inode
    assert (tmp_path / "f").stat().st_mtime_ns == MTIME


@pytest.mark.parametrize("size", [0, 1, 100_000, 240_001, 500_000])
def test_a_file_of_another_length_gets_the_right_one(
    repository: MemoryRepository, tmp_path: Path, size: int
) -> None:
    (tmp_path / "f").write_bytes(b"".join(PIECES).ljust(size, b"x")[:size])

    bring_back(repository, tmp_path, {b"f": File(PIECES), b"e": b""})

    assert (tmp_path / "f").read_bytes() == b"".join(PIECES)


def test_if_changed_trusts_size_and_time(repository: MemoryRepository, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"other")
    os.utime(tmp_path / "f", ns=(MTIME, MTIME))
    entries: dict[bytes, Spec] = {b"f": b"right"}

    bring_back(repository, tmp_path, entries, RestoreOptions(overwrite=Overwrite.IF_CHANGED))
    assert (tmp_path / "f").read_bytes() == b"other"

    bring_back(repository, tmp_path, entries)
    assert (tmp_path / "f").read_bytes() == b"right"


@pytest.mark.parametrize(("age", "kept"), [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize("spec", [b"new", Symlink(b"new")])
def test_if_newer_replaces_what_is_older(
    repository: MemoryRepository, tmp_path: Path, age: int, kept: bool, spec: Spec
) -> None:
    (tmp_path / "f").write_bytes(b"old")
    os.utime(tmp_path / "f", ns=(MTIME + age, MTIME + age))

    stats, _ = bring_back(
        repository, tmp_path, {b"f": spec}, RestoreOptions(overwrite=Overwrite.IF_NEWER)
    )

    assert (seen(bytes(tmp_path))[b"f"] == b"old") == kept
    assert stats.files_skipped == int(kept)


def test_never_touches_nothing_that_is_there(repository: MemoryRepository, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"old")
    (tmp_path / "l").symlink_to("old")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"old")
    before = (tmp_path / "f").stat()
    entries: dict[bytes, Spec] = {b"d": {b"f": b"new", b"g": b"new"}, b"f": b"new", b"l": b"new"}

    stats, told = bring_back(
        repository, tmp_path, entries, RestoreOptions(overwrite=Overwrite.NEVER)
    )

    assert (tmp_path / "f").stat() == before  # looked at before it is read
    assert seen(bytes(tmp_path)) == {
        b"d": {b"f": b"old", b"g": b"new"},
        b"f": b"old",
        b"l": (b"old",),
    }
    assert stats.files_skipped == 3
    assert told[b"/d/g"] == "restored"


def test_never_leaves_a_link_in_the_place_of_a_directory_and_says_so(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "d").symlink_to("elsewhere")

    stats, told = bring_back(
        repository, tmp_path, {b"d": {b"f": b"new"}}, RestoreOptions(overwrite=Overwrite.NEVER)
    )

    assert seen(bytes(tmp_path)) == {b"d": (b"elsewhere",), b"elsewhere": {}}
    assert stats.problems == 1
    assert "overwritten" in told[b"/d"]


@pytest.mark.parametrize("delete", [False, True])
def test_a_directory_in_the_way_goes_only_if_empty_or_told_to(
    repository: MemoryRepository, tmp_path: Path, delete: bool
) -> None:
    for name in ["f", "l", "p"]:
        (tmp_path / f"empty-{name}").mkdir()
        (tmp_path / f"full-{name}" / "x").mkdir(parents=True)
    specs: dict[bytes, Spec] = {b"f": b"x", b"l": Symlink(b"x"), b"p": Special(stat.S_IFIFO)}
    entries: dict[bytes, Spec] = {
        kind + name: spec for kind in [b"empty-", b"full-"] for name, spec in specs.items()
    }

    stats, told = bring_back(repository, tmp_path, entries, RestoreOptions(delete=delete))

    assert not (tmp_path / "empty-f").is_dir()
    assert (tmp_path / "full-f").is_dir() != delete
    assert (tmp_path / "full-p").is_dir() != delete
    assert stats.problems == (0 if delete else 3)
    if not delete:
        assert told[b"/full-l"] == "directory not empty"


def test_a_file_in_the_place_of_a_directory_is_replaced(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    (tmp_path / "d").write_bytes(b"x")

    bring_back(repository, tmp_path, {b"d": {b"f": b"x"}})

    assert seen(bytes(tmp_path)) == {b"d": {b"f": b"x"}}


def test_a_closed_directory_is_opened_and_closed_again(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    (tmp_path / "d").mkdir(0)

    bring_back(repository, tmp_path, {b"d": Dir({b"f": b"x"}, mode=0o500)})

    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o500


def test_hard_links_are_made_again_where_they_are_missing(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    two = {"links": 2, "inode": 3}
    entries: dict[bytes, Spec] = {b"a": File((b"x",), fields=two), b"b": File((b"x",), fields=two)}
    (tmp_path / "a").write_bytes(b"other")
    (tmp_path / "b").write_bytes(b"other")

    _, first = bring_back(repository, tmp_path, entries)
    _, second = bring_back(repository, tmp_path, entries)

    assert os.path.samefile(tmp_path / "a", tmp_path / "b")
    assert first == {b"/a": "updated", b"/b": "restored"}
    assert second == {b"/a": "unchanged", b"/b": "unchanged"}


def test_deleting_removes_what_the_snapshot_does_not_have(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    (tmp_path / "d" / "old").mkdir(parents=True)
    (tmp_path / "d" / "old" / "f").touch()
    (tmp_path / "old").symlink_to("d")

    stats, told = bring_back(
        repository, tmp_path, {b"d": Dir({b"f": b"x"})}, RestoreOptions(delete=True)
    )

    assert seen(bytes(tmp_path)) == {b"d": {b"f": b"x"}}
    assert stats.files_deleted == 3
    assert [path for path, action in told.items() if action == "deleted"] == [
        b"/d/old/f",
        b"/d/old",
        b"/old",
    ]
    assert (tmp_path / "d").stat().st_mtime_ns == MTIME


class Only:
    """Patterns that mean names with a suffix, at any depth."""

    def __init__(self, suffix: bytes) -> None:
        self.suffix = suffix

    def matches(self, path: bytes) -> bool:
        return path.endswith(self.suffix)

    def may_match_below(self, path: bytes) -> bool:
        return len(path) > 0


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        (Selection(include=Only(b".c")), {"a.c", "old.h"}),
        (Selection(exclude=Only(b".c")), {"a.h", "old.c"}),
    ],
)
def test_deleting_keeps_to_the_selection(
    repository: MemoryRepository, tmp_path: Path, selection: Selection, left: set[str]
) -> None:
    for name in ["old.c", "old.h"]:
        (tmp_path / name).touch()

    options = RestoreOptions(delete=True, selection=selection)
    bring_back(repository, tmp_path, {b"a.c": b"1", b"a.h": b"2"}, options)

    assert set(os.listdir(tmp_path)) == left


def test_nothing_is_deleted_where_nothing_was_restored(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "old.c").touch()

    options = RestoreOptions(delete=True, selection=Selection(include=Only(b".c")))
    stats, _ = bring_back(repository, tmp_path, {b"d": {b"a.h": b"2"}}, options)

    assert stats.files_deleted == 0
    assert os.listdir(tmp_path / "d") == ["old.c"]


def state(path: Path) -> dict[str, tuple[int, ...]]:
    """Everything that would tell of a change below a directory."""
    return {
        str(entry): (status.st_ino, status.st_mode, status.st_ctime_ns, status.st_nlink)
        for entry in [path, *path.rglob("*")]
        for status in [os.lstat(entry)]
    }


def test_a_dry_run_changes_nothing_and_tells_what_a_real_one_does(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    path = tmp_path / "t"
    (path / "d" / "old").mkdir(parents=True)
    (path / "d" / "right").write_bytes(b"r")
    (path / "d" / "part").write_bytes(PIECES[0] + b"x" * 170_000)
    (path / "link").symlink_to("d")
    two = {"links": 2, "inode": 3}
    entries: dict[bytes, Spec] = {
        b"d": {b"right": b"r", b"part": File(PIECES), b"new": {b"x": b"1", b"l": Symlink(b"to")}},
        b"h1": File((b"x",), fields=two),
        b"h2": File((b"x",), fields=two),
        b"link": {b"below": b"1"},
        b"p": Special(stat.S_IFIFO | 0o600),
    }
    before = state(path)

    dry, told_dry = bring_back(repository, path, entries, RestoreOptions(delete=True, dry_run=True))

    assert state(path) == before
    assert repository.was_read == []
    wet, told_wet = bring_back(repository, path, entries, RestoreOptions(delete=True))
    assert told_dry == told_wet
    assert dry == wet


def test_a_dry_run_does_not_make_the_target(repository: MemoryRepository, tmp_path: Path) -> None:
    stats, _ = bring_back(
        repository, tmp_path / "t", {b"d": {b"f": b"x"}}, RestoreOptions(dry_run=True, delete=True)
    )

    assert stats.files_restored == 2
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("there", [[b"b"], [b"a"], [b"d"], []])
def test_a_dry_run_knows_of_links_to_what_is_not_there_yet(
    repository: MemoryRepository, tmp_path: Path, there: list[bytes]
) -> None:
    two = File((b"x",), fields={"links": 2, "inode": 3})
    for name in there:
        (tmp_path / os.fsdecode(name)).write_bytes(b"other")
    entries: dict[bytes, Spec] = {b"a": two, b"b": two, b"c": {b"x": two}, b"d": two}
    dry = RestoreOptions(dry_run=True)

    _, told = bring_back(repository, tmp_path, entries, dry)

    assert told == bring_back(repository, tmp_path, entries)[1]


class Stopping(MemoryRepository):
    """Is interrupted when the contents were read in part."""

    stops = True

    def read_blobs(self, names: Iterable[BlobId], consume: Consume) -> dict[BlobId, IntegrityError]:
        if self.stops:
            consume([blob_id(PIECES[0])], memoryview(PIECES[0]), [(0, len(PIECES[0]))])
            raise Interrupted("stopped")
        return super().read_blobs(names, consume)


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("overwrite", list(Overwrite))
def test_a_file_left_incomplete_is_never_taken_for_complete(
    tmp_path: Path, overwrite: Overwrite, exists: bool
) -> None:
    repository = Stopping()
    if exists:
        (tmp_path / "f").write_bytes(b"x" * 300_000)
    entries: dict[bytes, Spec] = {b"f": File(PIECES, mode=0o640)}
    with pytest.raises(Interrupted):
        bring_back(repository, tmp_path, entries)
    assert (tmp_path / "f").stat().st_size == 240_000
    repository.stops = False

    bring_back(repository, tmp_path, entries, RestoreOptions(overwrite=overwrite))

    assert (tmp_path / "f").read_bytes() == b"".join(PIECES)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o640


def test_a_complete_file_may_have_the_mode_of_an_incomplete_one(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    entries: dict[bytes, Spec] = {b"f": File(PIECES, mode=0o1600)}
    bring_back(repository, tmp_path, entries)
    (tmp_path / "f").write_bytes(b"mine")

    bring_back(repository, tmp_path, entries, RestoreOptions(overwrite=Overwrite.NEVER))

    assert (tmp_path / "f").read_bytes() == b"mine"
