"""The walk meets everything once, in order, and survives what it meets."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bkp.errors import SourceError
from bkp.events import EntryExcluded, Event, Problem, Scanned, ignore
from bkp.files.reading import listings
from bkp.files.reading.counting import count
from bkp.files.reading.metadata import NodeReader
from bkp.files.reading.opening import open_file
from bkp.files.reading.targets import Plan, plan_targets
from bkp.files.reading.walk import Entry, Step, walk
from bkp.files.selection.excludes import ExcludeOptions, Excludes
from bkp.files.status import AnyStatus
from bkp.times import UTC
from trees import Device, Dir, Fifo, Socket, Symlink, Tree, build, remove_deep

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
needs_other_file_system = pytest.mark.skipif(
    os.lstat("/dev").st_dev == os.lstat("/").st_dev, reason="needs a mount point"
)

MARKS = {Step.ENTER: b">", Step.LEAVE: b"<", Step.FILE: b"", Step.LEAF: b""}


def steps(
    targets: Sequence[bytes],
    excludes: ExcludeOptions | None = None,
    report: Callable[[Event], None] = ignore,
) -> list[bytes]:
    """Walk and write each step as its mark and path."""
    found = walk(plan_targets(targets, report), Excludes(excludes), report)
    return [MARKS[entry.step] + entry.path for entry in found]


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PWD", raising=False)
    return tmp_path


def test_it_goes_depth_first_in_the_order_of_bytes(top: Path) -> None:
    build(top, {"t": {"b": b"", "a": {"y": b"", "x": b""}, "a.b": b"", b"\xff": b"", "B": b""}})

    assert steps([b"t"]) == [
        b">/t", b"/t/B", b">/t/a", b"/t/a/x", b"/t/a/y", b"</t/a", b"/t/a.b", b"/t/b", b"/t/\xff",
        b"</t",
    ]  # fmt: skip


def test_an_entry_says_where_it_is_and_what_it_is(top: Path) -> None:
    build(top, {"t": {"f": b"12345", "l": Symlink("f"), "p": Fifo()}})

    found = {entry.name: entry for entry in walk(plan_targets([b"t"], ignore), Excludes(), ignore)}

    assert found[b"f"].source == os.fsencode(top) + b"/t/f"
    assert found[b"f"].is_file
    assert found[b"f"].stat.st_ino == os.lstat(top / "t/f").st_ino
    assert not any(found[name].is_file for name in (b"t", b"l", b"p"))


def test_a_socket_is_passed_over_in_silence(top: Path) -> None:
    build(top, {"t": {"s": Socket(), "a": b""}})
    events: list[Event] = []

    assert steps([b"t"], report=events.append) == [b">/t", b"/t/a", b"</t"]
    assert events == []


def test_what_vanishes_after_its_directory_was_read_was_not_there(top: Path) -> None:
    build(top, {"t": {"a": b"", "b": b"", "c": {"x": b""}, "d": {}}})
    events: list[Event] = []
    found = []
    excludes = Excludes(ExcludeOptions(patterns=(b"nothing",)))  # so names come first
    for entry in walk(plan_targets([b"t"], ignore), excludes, events.append):
        found.append(entry.path)
        if entry.path == b"/t" and entry.step is Step.ENTER:
            os.unlink("t/b")  # nobody looked at it yet
        if entry.path == b"/t/a":
            os.unlink("t/c/x")
            os.rmdir("t/c")  # looked at, but not entered

    assert found == [b"/t", b"/t/a", b"/t/d", b"/t/d", b"/t"]
    assert events == []


def test_a_target_that_vanishes_is_reported(top: Path) -> None:
    build(top, {"a": b"", "b": b""})
    events: list[Event] = []
    plan = plan_targets([b"a", b"b"], ignore)
    os.unlink("a")

    assert [entry.path for entry in walk(plan, Excludes(), events.append)] == [b"/b"]
    assert events == [Problem("archival", os.fsencode(top) + b"/a", "does not exist any more")]


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a directory others may enter too, and become one of them."""
    with TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        build(name, {"t": {"a": b"text", "d": Dir({"x": b""}), "f": b"", "z": b""}})
        os.chmod(f"{name}/t/d", 0)
        os.chmod(f"{name}/t/f", 0)
        monkeypatch.chdir(name)
        monkeypatch.delenv("PWD", raising=False)
        me = os.geteuid()
        if me == 0:
            os.seteuid(65534)
        yield Path(name)
        os.seteuid(me)
        os.chmod(f"{name}/t/d", 0o700)


def test_a_directory_that_cannot_be_read_is_left_out(public: Path) -> None:
    events: list[Event] = []

    assert steps([b"t"], report=events.append) == [b">/t", b"/t/a", b"/t/f", b"/t/z", b"</t"]
    message = "cannot read the directory: permission denied"
    assert events == [Problem("archival", os.fsencode(public / "t/d"), message)]


@pytest.mark.usefixtures("public")
def test_what_belongs_to_others_is_read_all_the_same() -> None:
    """Only the owner may leave no trace in the time of access."""
    entries = {
        entry.name: entry for entry in walk(plan_targets([b"t"], ignore), Excludes(), ignore)
    }

    with open_file(entries[b"a"]) as opened:
        assert opened.stream.read() == b"text"
    with pytest.raises(SourceError, match="permission denied"), open_file(entries[b"f"]):
        pass


def test_a_directory_that_became_a_link_is_not_followed(top: Path) -> None:
    build(top, {"t": {"a": b"", "d": {"x": b""}}, "away": {"secret": b""}})
    events: list[Event] = []
    real_report = events.append
    plan = plan_targets([b"t"], ignore)

    class Swapping(Excludes):
        """Swaps when the name of the directory is decided about, just before it is looked at."""

        def excludes_entry(self, status: AnyStatus) -> bool:
            if stat.S_ISDIR(status.st_mode) and not os.path.islink("t/d"):
                os.rename("t/d", "t/was")
                os.symlink("../away", "t/d")
            return False

    found = [entry.path for entry in walk(plan, Swapping(), real_report)]

    assert found == [b"/t", b"/t/a", b"/t"]
    assert [type(event) for event in events] == [Problem]


def test_directories_above_a_target_are_followed_and_marked(top: Path) -> None:
    build(top, {"real": {"sub": {"x": b""}}, "link": Symlink("real")})

    entries = list(walk(plan_targets([b"link/sub"], ignore), Excludes(), ignore))

    assert [(entry.path, entry.is_followed) for entry in entries] == [
        (b"/link", True), (b"/link/sub", False), (b"/link/sub/x", False), (b"/link/sub", False),
        (b"/link", True),
    ]  # fmt: skip
    assert entries[0].stat.st_ino == os.stat(top / "real").st_ino


def test_very_deep_trees_are_walked_and_read(top: Path) -> None:
    depth = 5000
    fd = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(b"d", dir_fd=fd)
        below = os.open(b"d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    file = os.open(b"f", os.O_WRONLY | os.O_CREAT, dir_fd=fd)
    os.write(file, b"deep")
    os.symlink(b"f", b"l", dir_fd=fd)
    os.setxattr(file, "user.deep", b"1")
    for opened in (file, fd):
        os.close(opened)
    events: list[Event] = []

    leaves: dict[bytes, Entry] = {}
    for entry in walk(plan_targets([b"d"], ignore), Excludes(), events.append):
        if entry.step in {Step.FILE, Step.LEAF}:
            leaves[entry.name] = entry

    assert events == []
    assert leaves[b"f"].path == b"/d" * depth + b"/f"
    with open_file(leaves[b"f"]) as opened_file:
        assert opened_file.stream.read() == b"deep"
    nodes = NodeReader(UTC, events.append)
    assert nodes.read(leaves[b"l"]).target == b"f"
    assert [found.name for found in nodes.read(leaves[b"f"]).extended_attributes] == ["user.deep"]
    assert events == []
    remove_deep(top)


def test_what_is_excluded_is_reported_and_not_entered(top: Path) -> None:
    build(top, {"t": {"a": b"", "no": {"x": b""}, "z.o": b""}})
    events: list[Event] = []

    found = steps([b"t"], ExcludeOptions(patterns=(b"no", b"*.o")), events.append)

    assert found == [b">/t", b"/t/a", b"</t"]
    base = os.fsencode(top)
    assert events == [EntryExcluded(base + b"/t/no"), EntryExcluded(base + b"/t/z.o")]


def test_a_target_is_never_excluded_but_what_is_in_it_may_be(top: Path) -> None:
    build(top, {"t.o": {"a": b"", "b.o": b""}, "CACHEDIR.TAG": b""})
    options = ExcludeOptions(patterns=(b"*.o", b"!a"), if_present=(b"CACHEDIR.TAG",), larger_than=0)

    assert steps([b"t.o"], options) == [b">/t.o", b"/t.o/a", b"</t.o"]


def test_what_a_dot_stands_for_may_be_excluded(top: Path) -> None:
    build(top, {"a": b"", "b.o": b""})

    assert steps([b"."], ExcludeOptions(patterns=(b"*.o",))) == [b"/a"]


@pytest.mark.parametrize("targets", [[b".", b"a"], [b"a", b"."], [b".", b"a", b"."]])
def test_what_is_named_besides_the_dot_may_not(top: Path, targets: list[bytes]) -> None:
    build(top, {"a": b"", "b": b""})

    assert steps(targets, ExcludeOptions(patterns=(b"[ab]",))) == [b"/a"]


def test_patterns_are_compared_with_the_path_as_the_user_writes_it(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(top, {"real": {"x": b"", "y": b""}, "link": Symlink("real")})
    monkeypatch.chdir("link")
    monkeypatch.setenv("PWD", str(top / "link"))

    options = ExcludeOptions(patterns=(os.fsencode(top) + b"/link/x",))
    assert steps([b"."], options) == [b"/y"]


def test_our_own_directories_are_left_out_wherever_the_walk_begins(top: Path) -> None:
    build(top, {"c": {"mine": {"x": b"", "d": {"y": b""}}, "mine2": b""}})
    options = ExcludeOptions(directories=(os.fsencode(top) + b"/c/mine",))

    assert steps([b"c"], options) == [b">/c", b"/c/mine2", b"</c"]
    assert steps([b"c/mine/d"], options) == [
        b">/c", b">/c/mine", b">/c/mine/d", b"</c/mine/d", b"</c/mine", b"</c"
    ]  # fmt: skip


@needs_other_file_system
def test_a_mount_point_is_kept_but_not_entered() -> None:
    """/dev is a file system of its own, and /dev/shm another."""
    skip = tuple(b"/" + os.fsencode(name) for name in os.listdir("/") if name != "dev")

    found = steps([b"/"], ExcludeOptions(patterns=skip, one_file_system=True))

    assert found == [b">/dev", b"</dev"]


@needs_other_file_system
def test_a_target_on_another_file_system_is_entered() -> None:
    names = sorted(os.fsencode(name) for name in os.listdir("/dev"))
    skip = tuple(b"/dev/" + name for name in names if not os.path.ismount(b"/dev/" + name))

    found = steps([b"/dev"], ExcludeOptions(patterns=skip, one_file_system=True))

    mounts = [name for name in names if os.path.ismount(b"/dev/" + name)]
    entered = [mark + b"/dev/" + name for name in mounts for mark in (b">", b"<")]
    assert found == [b">/dev", *entered, b"</dev"]


@needs_root
def test_devices_are_saved(top: Path) -> None:
    build(top, {"t": {"null": Device(is_block=False, major=1, minor=3)}})

    assert steps([b"t"]) == [b">/t", b"/t/null", b"</t"]


@pytest.mark.parametrize("text", [b"Signature: none", b"Sig", b""], ids=["other", "short", "empty"])
def test_a_tag_without_its_signature_excludes_nothing_and_is_reported(
    top: Path, text: bytes
) -> None:
    build(top, {"t": {"CACHEDIR.TAG": text, "x": b""}})
    events: list[Event] = []

    found = steps([b"t"], ExcludeOptions(caches=True), events.append)

    assert found == [b">/t", b"/t/CACHEDIR.TAG", b"/t/x", b"</t"]
    assert len(events) == 1


def test_a_tag_that_is_a_fifo_is_not_waited_for(top: Path) -> None:
    build(top, {"t": {"CACHEDIR.TAG": Fifo(), "x": b""}})

    assert b"/t/x" in steps([b"t"], ExcludeOptions(caches=True))


def test_the_count_ends_with_the_totals(top: Path) -> None:
    build(top, {"t": {"a": b"12", "d": {"b": b"345", "l": Symlink("x")}, "x.o": b"9"}})
    plan = plan_targets([b"t"], ignore)

    totals = list(count(plan, Excludes(ExcludeOptions(patterns=(b"*.o",)))))

    assert totals == [Scanned(files=2, dirs=2, bytes=5, is_finished=True)]


def test_long_counts_are_told_on_the_way(top: Path) -> None:
    build(top, {"t": {str(number): b"" for number in range(1200)}})

    totals = list(count(plan_targets([b"t"], ignore), Excludes()))

    assert [(total.files, total.is_finished) for total in totals] == [(999, False), (1200, True)]


NAMES = st.sampled_from([b"a", b"b", b"a.", b"\xff", b"a b", b"B"])
TREES = st.recursive(
    st.just(b""), lambda below: st.dictionaries(NAMES, below, max_size=4), max_leaves=12
).filter(lambda tree: isinstance(tree, dict))


@given(tree=TREES)
def test_every_directory_is_left_after_all_that_is_in_it(
    tmp_path_factory: pytest.TempPathFactory, tree: Tree
) -> None:
    top = build(tmp_path_factory.mktemp("walk"), tree)
    plan: Plan = plan_targets([top], ignore)
    entries = list(walk(plan, Excludes(), ignore))

    seen = [entry.source for entry in entries if entry.step is not Step.LEAVE]
    expected = [
        os.path.join(directory, name)
        for directory, dirs, files in os.walk(top)
        for name in [*dirs, *files]
    ]
    assert sorted(path for path in seen if path.startswith(top + b"/")) == sorted(expected)
    open_directories: list[bytes] = []
    last: dict[int, bytes] = {}
    for entry in entries:
        if entry.step is Step.LEAVE:
            assert open_directories.pop() == entry.path
            continue
        above = open_directories[-1] if open_directories else b""
        assert entry.path == above + b"/" + entry.name
        assert last.get(len(open_directories), b"") < entry.name
        last[len(open_directories)] = entry.name
        if entry.step is Step.ENTER:
            open_directories.append(entry.path)
            last.pop(len(open_directories), None)
    assert open_directories == []


def test_what_was_listed_ahead_is_listed_again_when_that_was_long_ago(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(top, {"t": {"a": {"f": b""}, "b": {"f": b""}, "c": {"f": b""}}})
    found = []
    monkeypatch.setattr(listings, "_FRESH_SECONDS", 1e9)
    for entry in walk(plan_targets([b"t"], ignore), Excludes(), ignore):
        found.append(entry.path)
        if entry.path == b"/t/a/f":
            (top / "t/b/later").touch()
        if entry.path == b"/t/b/f":
            monkeypatch.setattr(listings, "_FRESH_SECONDS", -1.0)
            (top / "t/c/later").touch()

    assert b"/t/b/later" not in found
    assert b"/t/c/later" in found


def test_more_directories_and_entries_than_are_listed_together(top: Path) -> None:
    (top / "t").mkdir()
    expected = []
    for number in range(150):
        directory = top / "t" / f"{number:03}"
        directory.mkdir()
        for file in range(5000 if number == 70 else 3):
            (directory / f"{file:04}").touch()
            expected.append(f"/t/{number:03}/{file:04}".encode())

    found = [entry for entry in walk(plan_targets([b"t"], ignore), Excludes(), ignore)]

    assert [entry.path for entry in found if entry.is_file] == expected
    for entry in found:
        assert entry.stat.st_ino == os.lstat(entry.source).st_ino


def test_a_link_that_took_the_place_of_a_directory_is_not_followed(top: Path) -> None:
    build(top, {"t": {"a": b"", "c": {}, "d": {}}, "outside": {"secret": b""}})
    events: list[Event] = []
    found = []
    for entry in walk(plan_targets([b"t"], ignore), Excludes(), events.append):
        found.append(entry.path)
        if entry.path == b"/t/a":
            os.rmdir("t/c")
            os.symlink("../outside", "t/c")

    assert b"/t/c/secret" not in found
    assert events == [
        Problem(
            "archival", os.fsencode(top) + b"/t/c", "cannot read the directory: not a directory"
        )
    ]
