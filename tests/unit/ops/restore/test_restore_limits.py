"""Restores that cannot succeed completely: damage, missing rights, a full target."""

import os
import resource
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bkp.errors import BkpError, IntegrityError, SourceError, StoreError, UsageError
from bkp.events import EntryRestored, Event, Problem
from bkp.ids import BlobId, blob_id
from bkp.ops.restore.options import Overwrite, RestoreOptions, RestoreStats
from bkp.ops.restore.run import restore
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
    xattrs,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
NOBODY = 65534


@pytest.fixture
def repository() -> MemoryRepository:
    return MemoryRepository()


def bring_back(
    repository: MemoryRepository,
    path: Path,
    entries: dict[bytes, Spec],
    options: RestoreOptions | None = None,
) -> tuple[RestoreStats, dict[bytes, str]]:
    events: list[Event] = []
    tree = store(repository, entries)
    try:
        stats = restore(repository, tree, path, listing(options), events.append)
    finally:
        told = {event.path: event.message for event in events if isinstance(event, Problem)}
        restored = {event.path for event in events if isinstance(event, EntryRestored)}
        assert not told.keys() & restored or "cannot restore its" in "".join(told.values())
    return stats, told


# Damage in the repository


def test_a_file_with_a_damaged_piece_keeps_the_others(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    pieces = (b"1" * 40_000, b"2" * 40_000, b"3" * 40_000)
    repository.damaged = {blob_id(pieces[1])}

    stats, told = bring_back(repository, tmp_path, {b"f": File(pieces), b"g": b"good"})

    assert (tmp_path / "f").read_bytes() == pieces[0] + bytes(40_000) + pieces[2]
    assert (tmp_path / "g").read_bytes() == b"good"
    assert told == {b"/f": "restored without its contents at offset 40000: its MAC is wrong"}
    assert (stats.problems, stats.files_restored, stats.total_files) == (1, 1, 2)


def test_a_file_that_lacks_something_is_not_taken_for_right_afterwards(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    pieces = (b"1" * 40_000, b"2" * 40_000)
    repository.damaged = {blob_id(pieces[1])}
    bring_back(repository, tmp_path, {b"f": File(pieces)})
    assert (tmp_path / "f").stat().st_mtime_ns != MTIME

    repository.damaged = set()
    options = RestoreOptions(overwrite=Overwrite.IF_CHANGED)
    bring_back(repository, tmp_path, {b"f": File(pieces)}, options)

    assert (tmp_path / "f").read_bytes() == b"".join(pieces)


def test_a_file_with_nothing_left_is_not_made_and_not_spoilt(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    repository.damaged = {blob_id(b"lost"), blob_id(b"both")}
    (tmp_path / "old").write_bytes(b"old")
    linked = {"links": 2, "inode": 1}
    entries: dict[bytes, Spec] = {
        b"new": File((b"lost", b"both"), fields=linked),
        b"new2": File((b"lost", b"both"), fields=linked),
        b"old": b"lost",
    }

    stats, told = bring_back(repository, tmp_path, entries)

    assert seen(bytes(tmp_path)) == {b"old": b"old"}
    assert told == {
        b"/new": "not restored: its MAC is wrong",
        b"/new2": "the file it is a link to was not restored",
        b"/old": "not restored: its MAC is wrong",
    }
    assert stats.problems == 3


def test_a_blob_in_no_index_costs_only_its_file(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    entries: dict[bytes, Spec] = {b"f": b"lost", b"g": b"good"}
    store(repository, entries)
    lost = repository.blobs.pop(blob_id(b"lost"))
    assert lost

    class Forgetful(MemoryRepository):
        def add(self, data: bytes) -> BlobId:
            return blob_id(data) if data == b"lost" else super().add(data)

    stats, told = bring_back(Forgetful(), tmp_path, entries)

    assert seen(bytes(tmp_path)) == {b"g": b"good"}
    assert "in no index" in told[b"/f"]
    assert stats.problems == 1


def test_verifying_finds_a_wrong_byte(repository: MemoryRepository, tmp_path: Path) -> None:
    repository.wrong = {blob_id(b"x" * 9): b"x" * 4 + b"y" + b"x" * 4}
    entries: dict[bytes, Spec] = {b"f": File((b"a" * 9, b"x" * 9)), b"g": b"good"}

    careless, _ = bring_back(repository, tmp_path / "1", entries)
    careful, told = bring_back(repository, tmp_path / "2", entries, RestoreOptions(verify=True))

    assert careless.problems == 0
    assert careful.problems == 1
    assert told == {b"/f": "at offset 9 it does not read back as it was written"}


def test_a_failing_storage_ends_the_restore(tmp_path: Path) -> None:
    class Failing(MemoryRepository):
        def read_blobs(
            self, names: Iterable[BlobId], consume: Consume
        ) -> dict[BlobId, IntegrityError]:
            del names, consume
            raise StoreError("the disk is gone")

    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(StoreError, match="gone"):
        bring_back(Failing(), tmp_path, {b"f": b"x"})

    assert len(os.listdir("/proc/self/fd")) == before


# A target that does not take everything


@contextmanager
def mounted(path: Path, *options: str) -> Iterator[Path]:
    path.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


@needs_root
@pytest.mark.parametrize("overwrite", [Overwrite.ALWAYS, Overwrite.IF_NEWER])
@pytest.mark.parametrize("pieces", [1, 8])
def test_a_full_target_ends_the_restore_with_a_clear_word(
    repository: MemoryRepository, tmp_path: Path, pieces: int, overwrite: Overwrite
) -> None:
    content = tuple(os.urandom((4 << 20) // pieces) for _ in range(pieces))
    entries: dict[bytes, Spec] = {b"%d" % number: File(content) for number in range(50)}
    before = len(os.listdir("/proc/self/fd"))

    with (
        mounted(tmp_path / "small", "size=1m") as target,
        pytest.raises(BkpError, match=r"no space left on device.*make room") as caught,
    ):
        bring_back(repository, target, entries, RestoreOptions(overwrite=overwrite))

    assert not isinstance(caught.value, SourceError)
    assert len(os.listdir("/proc/self/fd")) == before


@needs_root
def test_a_target_without_inodes_is_full_too(repository: MemoryRepository, tmp_path: Path) -> None:
    entries: dict[bytes, Spec] = {b"%d" % number: Dir({}) for number in range(50)}

    with (
        mounted(tmp_path / "small", "size=1m", "nr_inodes=10") as target,
        pytest.raises(BkpError, match="no space left"),
    ):
        bring_back(repository, target, entries)


@needs_root
def test_a_read_only_target_is_refused_at_the_first_entry(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    with (
        mounted(tmp_path / "ro", "ro") as target,
        pytest.raises(BkpError, match="read-only file system"),
    ):
        bring_back(repository, target, {b"a": {}, b"b": b""})


@needs_root
def test_a_directory_nobody_may_write_to_costs_only_what_is_in_it(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    """Immutable is what even root may not write to."""
    (tmp_path / "d").mkdir()
    entries: dict[bytes, Spec] = {b"d": {b"f": b"x", b"e": {b"f": b"x"}}, b"f": b"x"}
    subprocess.run(["chattr", "+i", tmp_path / "d"], check=True)
    try:
        stats, told = bring_back(repository, tmp_path, entries)
    finally:
        subprocess.run(["chattr", "-i", tmp_path / "d"], check=True)

    assert seen(bytes(tmp_path)) == {b"d": {}, b"f": b"x"}
    assert told.keys() >= {b"/d/f", b"/d/e"}
    assert stats.problems >= 2


def test_a_restore_does_with_few_descriptors(repository: MemoryRepository, tmp_path: Path) -> None:
    entries: dict[bytes, Spec] = {
        b"%d" % number: {b"f": File((b"%d" % number, b"x", b"y"))} for number in range(500)
    }
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        stats, _ = bring_back(repository, tmp_path, entries)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert stats.problems == 0
    assert (tmp_path / "499" / "f").read_bytes() == b"499xy"


# Without the rights of root


@pytest.fixture
def own() -> Iterator[Path]:
    """A directory of whoever has no rights at all."""
    path = Path(tempfile.mkdtemp(prefix="bkp-test-"))
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    yield path
    shutil.rmtree(path)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody for a while, in all threads; without root one is nobody enough."""
    if os.geteuid() != 0:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def test_what_only_root_can_restore_is_told_once_for_each_kind(
    repository: MemoryRepository, own: Path
) -> None:
    roots = {"uid": 0, "gid": 0}
    trusted = {**roots, "extended_attributes": xattrs({"trusted.x": b"1", "user.x": b"2"})}
    entries: dict[bytes, Spec] = {
        b"d%d" % number: Dir(
            {
                b"f": File((b"x",), mode=0o4755, fields=trusted),
                b"l": Symlink(b"x", roots),
                b"n": Special(stat.S_IFBLK, {**roots, "device": 1}),
            },
            mode=0o755,
            fields=roots,
        )
        for number in range(5)
    }

    with unprivileged():
        stats, told = bring_back(repository, own / "t", entries)

    assert stats.problems == len(told) + 1  # owners and set-ID bits meet in one path
    assert sorted(told) == [b"/d0/f", b"/d0/l", b"/d0/n"]
    assert (
        told[b"/d0/n"] == "cannot restore its devices, nor those of 4 more: operation not permitted"
    )
    assert (own / "t" / "d4" / "f").read_bytes() == b"x"
    assert stat.S_IMODE((own / "t" / "d4" / "f").stat().st_mode) == 0o755
    assert os.getxattr(own / "t" / "d4" / "f", "user.x") == b"2"
    assert (own / "t" / "d4").stat().st_mtime_ns == MTIME


def test_closed_files_and_directories_are_restored_over_themselves(
    repository: MemoryRepository, own: Path
) -> None:
    mine = {"uid": NOBODY, "gid": NOBODY} if os.geteuid() == 0 else {}
    has = {**mine, "extended_attributes": xattrs({"user.x": b"1"})}

    def entries(data: bytes) -> dict[bytes, Spec]:
        closed = {b"f": File((data,), mode=0, fields=has), b"r": File((data,), 0o400, has)}
        return {b"d": Dir(closed, mode=0, fields=mine)}

    with unprivileged():
        first, _ = bring_back(repository, own, entries(b"1"))
        again, _ = bring_back(repository, own, entries(b"1"), RestoreOptions(verify=True))
        changed, told = bring_back(repository, own, entries(b"2"), RestoreOptions(verify=True))

    assert (first.problems, again.problems, changed.problems, told) == (0, 0, 0, {})
    (own / "d").chmod(0o700)
    for name in ["f", "r"]:
        (own / "d" / name).chmod(0o600)
        assert (own / "d" / name).read_bytes() == b"2"


def test_a_target_one_may_not_enter_is_a_matter_of_usage(
    repository: MemoryRepository, own: Path
) -> None:
    (own / "t").mkdir(0)

    with unprivileged(), pytest.raises(UsageError, match="permission denied"):
        bring_back(repository, own / "t", {})
    (own / "t").chmod(0o700)
