"""Restores into a fresh directory."""

import os
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bkp.errors import UsageError
from bkp.events import BytesRestored, EntryRestored, Event, Problem, RestorePlanned, ignore
from bkp.files.selection.patterns import PatternList
from bkp.ops.restore.options import RestoreOptions, RestoreStats
from bkp.ops.restore.run import restore
from bkp.ops.selection import Selection
from memoryrepo import (
    MTIME,
    Dir,
    File,
    MemoryRepository,
    Seen,
    Spec,
    Special,
    Symlink,
    listing,
    seen,
    store,
    xattrs,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may do it")


@pytest.fixture
def repository() -> MemoryRepository:
    return MemoryRepository()


def bring_back(
    repository: MemoryRepository,
    path: Path,
    entries: dict[bytes, Spec],
    options: RestoreOptions | None = None,
) -> tuple[RestoreStats, list[Event]]:
    events: list[Event] = []
    tree = store(repository, entries)
    stats = restore(repository, tree, path, listing(options), events.append)
    return stats, events


def problems(events: list[Event]) -> list[tuple[bytes, str]]:
    return [(event.path, event.message) for event in events if isinstance(event, Problem)]


def allocated(path: Path) -> int:
    """Bytes a file takes on disk, once the file system has made up its mind."""
    with path.open("rb") as file:
        os.fsync(file)
        return os.fstat(file.fileno()).st_blocks * 512


AWKWARD = [
    b" ",
    b"-rf",
    b"new\nline",
    b"\xff\xfe",
    b"\x01",
    b'q"\\',
    "ü\u202e".encode(),
    b"x" * 255,
]


def test_contents_come_back_under_any_name(repository: MemoryRepository, tmp_path: Path) -> None:
    entries: dict[bytes, Spec] = {name: name * 3 for name in AWKWARD}

    stats, events = bring_back(repository, tmp_path / "t", {**entries, b"d": dict(entries)})

    assert problems(events) == []
    assert stats.problems == 0
    assert seen(bytes(tmp_path / "t")) == {**entries, b"d": entries}


def test_files_of_many_pieces_come_back(repository: MemoryRepository, tmp_path: Path) -> None:
    pieces = tuple(os.urandom(50_000) for _ in range(30))
    again = (pieces[3], pieces[3], b"", pieces[1]) * 5
    entries: dict[bytes, Spec] = {b"a": File(pieces), b"b": File(again), b"empty": b""}

    bring_back(repository, tmp_path, entries, RestoreOptions(verify=True))

    assert seen(bytes(tmp_path)) == {b"a": b"".join(pieces), b"b": b"".join(again), b"empty": b""}


def test_each_blob_is_read_once(repository: MemoryRepository, tmp_path: Path) -> None:
    bring_back(repository, tmp_path, {b"%d" % number: b"same" for number in range(20)})

    assert len(repository.was_read) == 1


def test_files_beyond_a_batch_come_back(
    repository: MemoryRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bkp.ops.restore.files._BATCH_FILES", 3)
    monkeypatch.setattr("bkp.ops.restore.run._WAITING", 2)
    linked = {"links": 9, "inode": 5}
    entries: dict[bytes, Spec] = {b"%03d" % number: b"%d" % number for number in range(20)}
    entries |= {b"link%d" % number: File((b"l",), fields=linked) for number in range(9)}
    entries |= {b"d%d" % number: {b"f": b"%d" % number} for number in range(9)}

    stats, events = bring_back(repository, tmp_path, entries)

    assert problems(events) == []
    assert stats.total_files == stats.files_restored == 20 + 9 + 18
    assert (tmp_path / "link0").stat().st_nlink == 9
    assert seen(bytes(tmp_path / "d8")) == {b"f": b"8"}
    assert {(tmp_path / f"d{number}").stat().st_mtime_ns for number in range(9)} == {MTIME}


def test_modes_and_times_come_back_after_the_entries_in_a_directory(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    inner = Dir({b"f": File((b"x",), mode=0o4751)}, mode=0o555, fields={"mtime_ns": 2})
    outer = Dir({b"d": inner, b"p": Special(stat.S_IFIFO | 0o604)}, mode=0o3770)

    bring_back(repository, tmp_path, {b"o": outer, b"l": Symlink(b"o", {"mtime_ns": 3})})

    found = {
        name: (stat.S_IMODE(status.st_mode), status.st_mtime_ns)
        for name in ["o", "o/d", "o/d/f", "o/p", "l"]
        for status in [os.lstat(tmp_path / name)]
    }
    assert found == {
        "o": (0o3770, MTIME),
        "o/d": (0o555, 2),
        "o/d/f": (0o4751, MTIME),
        "o/p": (0o604, MTIME),
        "l": (0o777, 3),
    }


@needs_root
def test_owners_of_every_type_come_back(repository: MemoryRepository, tmp_path: Path) -> None:
    owner = {"uid": 4321, "gid": 8765}
    entries: dict[bytes, Spec] = {
        b"f": File((b"x",), mode=0o6711, fields=owner),
        b"e": File((), fields=owner),
        b"d": Dir({}, fields=owner),
        b"l": Symlink(b"f", owner),
        b"p": Special(stat.S_IFIFO | 0o600, owner),
        b"n": Special(stat.S_IFCHR | 0o600, {**owner, "device": os.makedev(1, 3)}),
    }

    stats, _ = bring_back(repository, tmp_path, entries)

    assert stats.problems == 0
    for name in entries:
        status = os.lstat(bytes(tmp_path) + b"/" + name)
        assert (status.st_uid, status.st_gid) == (4321, 8765)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o6711
    assert (tmp_path / "n").stat().st_rdev == os.makedev(1, 3)


def test_extended_attributes_come_back(repository: MemoryRepository, tmp_path: Path) -> None:
    has = {"extended_attributes": xattrs({"user.k": b"\0v"})}
    entries: dict[bytes, Spec] = {
        b"f": File((b"x",), mode=0o400, fields=has),
        b"d": Dir({}, mode=0o500, fields=has),
    }

    stats, _ = bring_back(repository, tmp_path, entries)

    assert stats.problems == 0
    assert os.getxattr(tmp_path / "f", "user.k") == b"\0v"
    assert os.getxattr(tmp_path / "d", "user.k") == b"\0v"


@needs_root
def test_extended_attributes_of_a_symlink_come_back(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    has = {"extended_attributes": xattrs({"trusted.k": b"v"})}

    bring_back(repository, tmp_path, {b"l": Symlink(b"nowhere", has)})

    assert os.getxattr(tmp_path / "l", "trusted.k", follow_symlinks=False) == b"v"


def test_hard_links_come_back_among_all_types(repository: MemoryRepository, tmp_path: Path) -> None:
    def two(inode: int) -> dict[str, object]:
        return {"links": 2, "inode": inode, "device_id": 9}

    entries: dict[bytes, Spec] = {
        b"a": File((b"one", b"file"), fields=two(1)),
        b"d": {b"a": File((b"one", b"file"), fields=two(1)), b"l": Symlink(b"x", two(2))},
        b"l": Symlink(b"x", two(2)),
        b"other": File((b"one", b"file"), fields={**two(1), "device_id": 8}),
    }

    bring_back(repository, tmp_path, entries)

    assert os.path.samefile(tmp_path / "a", tmp_path / "d" / "a")
    assert os.path.samestat(os.lstat(tmp_path / "l"), os.lstat(tmp_path / "d" / "l"))
    assert (tmp_path / "a").stat().st_nlink == 2
    assert not os.path.samefile(tmp_path / "a", tmp_path / "other")
    assert (tmp_path / "a").read_bytes() == b"onefile"
    assert (tmp_path / "d").stat().st_mtime_ns == MTIME


def test_an_inode_number_used_twice_does_not_make_two_files_one(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    same = {"links": 2, "inode": 1}

    bring_back(
        repository, tmp_path, {b"a": File((b"1",), fields=same), b"b": File((b"2",), fields=same)}
    )

    assert seen(bytes(tmp_path)) == {b"a": b"1", b"b": b"2"}


def test_long_runs_of_zeros_become_holes(repository: MemoryRepository, tmp_path: Path) -> None:
    pieces = (b"head" + bytes(1 << 20), bytes(2 << 20), bytes(1 << 20) + b"tail")
    entries: dict[bytes, Spec] = {b"f": File(pieces), b"zeros": bytes(1 << 20)}

    bring_back(repository, tmp_path, entries, RestoreOptions(verify=True))

    assert (tmp_path / "f").read_bytes() == b"".join(pieces)
    assert (tmp_path / "f").stat().st_blocks * 512 <= 128 << 10
    assert (tmp_path / "zeros").stat().st_blocks == 0
    assert (tmp_path / "zeros").stat().st_size == 1 << 20


def test_sparse_can_be_refused(repository: MemoryRepository, tmp_path: Path) -> None:
    bring_back(repository, tmp_path, {b"zeros": bytes(1 << 20)}, RestoreOptions(sparse=False))

    assert allocated(tmp_path / "zeros") >= 1 << 20


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A directory for what is too deep for pytest to clear away."""
    path = tmp_path / "deep"
    path.mkdir()
    yield path
    subprocess.run(["rm", "-rf", path], check=True)


def test_a_tree_of_3000_levels_comes_back_and_goes(
    repository: MemoryRepository, deep: Path
) -> None:
    root = store(repository, {b"d": {b"d": {b"d": {b"bottom": b"reached"}}}})
    for _ in range(3000):
        (node,) = repository.load_tree(store(repository, {b"deep-down": Dir({})}))
        node.subtree = root.hex()
        root = repository.add_tree([node])

    stats = restore(repository, root, deep, RestoreOptions(), ignore)

    assert stats.problems == 0
    assert stats.files_restored == 3004
    here = os.open(deep, os.O_RDONLY)
    for name in [b"deep-down"] * 3000 + [b"d"] * 3:
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    assert os.stat(b"bottom", dir_fd=here).st_size == 7
    os.close(here)

    again = restore(
        repository,
        store(repository, {b"only": b""}),
        deep,
        RestoreOptions(delete=True),
        ignore,
    )
    assert again.files_deleted == 3004
    assert os.listdir(deep) == ["only"]


def test_what_is_told_agrees_with_what_is_counted(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    entries: dict[bytes, Spec] = {b"a": b"12345", b"d": {b"b": File((b"12", b"34"))}}

    stats, events = bring_back(repository, tmp_path, entries)

    assert stats == RestoreStats(
        total_files=3,
        files_restored=3,
        files_skipped=0,
        files_deleted=0,
        total_bytes=9,
        bytes_restored=9,
        bytes_skipped=0,
        problems=0,
    )
    assert sum(event.count for event in events if isinstance(event, BytesRestored)) == 9
    assert RestorePlanned(3, 9) in events or RestorePlanned(2, 9) in events
    assert {event for event in events if isinstance(event, EntryRestored)} == {
        EntryRestored(b"/a", "restored", 5),
        EntryRestored(b"/d", "restored", 0),
        EntryRestored(b"/d/b", "restored", 4),
    }


class Below:
    """Patterns that mean some paths and all below them."""

    def __init__(self, *paths: bytes) -> None:
        self.paths = paths

    def matches(self, path: bytes) -> bool:
        return any(path == meant or path.startswith(meant + b"/") for meant in self.paths)

    def may_match_below(self, path: bytes) -> bool:
        return any(meant.startswith(path + b"/") for meant in self.paths)


PLENTY: dict[bytes, Spec] = {
    b"a": {b"x": b"ax", b"y": b"ay"},
    b"b": {b"x": b"bx", b"s": {b"z": b"bsz"}},
    b"c": b"c",
}


def test_only_what_is_included_is_restored(repository: MemoryRepository, tmp_path: Path) -> None:
    options = RestoreOptions(selection=Selection(include=Below(b"/b/s", b"/a/x")))

    stats, _ = bring_back(repository, tmp_path, PLENTY, options)

    assert seen(bytes(tmp_path)) == {b"a": {b"x": b"ax"}, b"b": {b"s": {b"z": b"bsz"}}}
    assert (tmp_path / "b").stat().st_mtime_ns == MTIME
    assert stats.total_files == stats.files_restored == 5


def test_a_directory_without_anything_included_is_not_made(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    options = RestoreOptions(selection=Selection(include=Below(b"/b/s/none", b"/nowhere")))

    bring_back(repository, tmp_path, PLENTY, options)

    assert seen(bytes(tmp_path)) == {}


def test_what_is_excluded_is_not_restored(repository: MemoryRepository, tmp_path: Path) -> None:
    options = RestoreOptions(
        selection=Selection(include=Below(b"/a", b"/b"), exclude=Below(b"/a", b"/b/x"))
    )

    bring_back(repository, tmp_path, PLENTY, options)

    assert seen(bytes(tmp_path)) == {b"b": {b"s": {b"z": b"bsz"}}}


@pytest.mark.parametrize(
    ("include", "exclude", "left"),
    [
        ([b"/b/s"], [], {b"b": {b"s": {b"z": b"bsz"}}}),
        ([b"x"], [], {b"a": {b"x": b"ax"}, b"b": {b"x": b"bx"}}),
        ([b"c", b"/a/*"], [b"y"], {b"a": {b"x": b"ax"}, b"c": b"c"}),
        ([], [b"a", b"/b/*", b"!/b/s"], {b"b": {b"s": {b"z": b"bsz"}}, b"c": b"c"}),
    ],
)
def test_patterns_of_the_command_line_select(
    repository: MemoryRepository,
    tmp_path: Path,
    include: list[bytes],
    exclude: list[bytes],
    left: Seen,
) -> None:
    selection = Selection(
        include=PatternList(include) if include else None, exclude=PatternList(exclude)
    )

    bring_back(repository, tmp_path, PLENTY, RestoreOptions(selection=selection))

    assert seen(bytes(tmp_path)) == left


def test_a_missing_target_is_made(repository: MemoryRepository, tmp_path: Path) -> None:
    bring_back(repository, tmp_path / "x" / "y", {b"a": b"1"})

    assert (tmp_path / "x" / "y" / "a").read_bytes() == b"1"


def test_nonsense_is_refused(repository: MemoryRepository) -> None:
    with pytest.raises(UsageError, match="dry run"):
        bring_back(repository, Path("/x"), {}, RestoreOptions(dry_run=True, verify=True))
    with pytest.raises(UsageError, match="below /"):
        bring_back(repository, Path("/usr/.."), {}, RestoreOptions(delete=True))


def attributes(path: Path) -> list[object]:
    status = path.stat()
    names = os.listxattr(path)
    return [
        path.read_bytes(),
        *(status.st_mode, status.st_nlink, status.st_uid, status.st_gid, status.st_mtime_ns),
        {name: os.getxattr(path, name) for name in names},
    ]


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("mode", [0o644, 0o400, 0o4755, 0o1600])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"mtime": ""},
        {"mtime": "2500-01-01T00:00:00Z"},
        {"extended_attributes": xattrs({"user.x": b"y"})},
        {"links": 2, "inode": 3},
    ],
)
def test_a_file_of_one_piece_is_as_one_of_two(
    repository: MemoryRepository,
    tmp_path: Path,
    fields: dict[str, object],
    mode: int,
    verify: bool,
) -> None:
    options = RestoreOptions(verify=verify)
    pairs = {"one": (b"content",), "two": (b"con", b"tent")}
    for name, pieces in pairs.items():
        entries: dict[bytes, Spec] = {b"f": File(pieces, mode=mode, fields=fields)}
        bring_back(repository, tmp_path / name, entries, options)
    if fields.get("mtime") == "":
        for name in pairs:
            os.utime(tmp_path / name / "f", (1, 1))

    assert attributes(tmp_path / "one/f") == attributes(tmp_path / "two/f")


def test_many_files_of_all_sorts_come_back_among_each_other(
    repository: MemoryRepository, tmp_path: Path
) -> None:
    entries: dict[bytes, Spec] = {}
    for number in range(300):
        data = b"%d" % number
        pieces = [(data,), (data, b"more"), (), (b"same",), (bytes(70_000),)][number % 5]
        entries[b"d%d" % (number % 50)] = {
            **dict(as_directory(entries.get(b"d%d" % (number % 50), {}))),
            b"f%d" % number: File(pieces),
        }

    stats, events = bring_back(repository, tmp_path, entries)

    assert not problems(events)
    assert stats.files_restored == stats.total_files == 350
    assert stats.bytes_restored == stats.total_bytes
    for directory, inside in entries.items():
        for name, spec in as_directory(inside).items():
            assert isinstance(spec, File)
            path = tmp_path / os.fsdecode(directory) / os.fsdecode(name)
            assert path.read_bytes() == b"".join(spec.pieces)


def as_directory(spec: Spec) -> Mapping[bytes, Spec]:
    assert isinstance(spec, Mapping)
    return spec
