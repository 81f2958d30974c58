import os
from dataclasses import replace
from pathlib import Path

import pytest

from bkp.errors import UsageError
from bkp.events import Event, Problem, ignore
from bkp.files.reading.metadata import NodeReader
from bkp.files.reading.walk import Entry, Step, entry_at
from bkp.files.selection.excludes import ExcludeOptions, Excludes
from bkp.formats.pack import BlobType
from bkp.formats.snapshot import Snapshot
from bkp.formats.tree import Node, encode_tree
from bkp.ids import BlobId
from bkp.ops.diff.live import LiveComparison, LiveOptions
from bkp.ops.diff.live_roots import LiveRoot, live_roots, narrow
from bkp.ops.locate import Operand, find_place
from bkp.repo.repository import Repository
from bkp.repo.writer import BlobWriter
from bkp.store.memory import MemoryStore
from bkp.times import UTC
from repos import make_repo
from trees import Dir, File, Symlink, Tree, build

TREE: Tree = {"a": b"first", "d": {"e": {"f": b"deep"}, "g": b"g"}, "l": Symlink("a")}


@pytest.fixture
def repo() -> Repository:
    return make_repo(MemoryStore())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    build(tmp_path / "root", TREE)
    return tmp_path / "root"


def save_live(repo: Repository, root: Path, at: bytes | None = None) -> None:
    """Store a directory as a snapshot that has it at a path, by default its own."""
    with repo.lock() as lock, repo.blob_writer(lock) as writer:
        path = os.fsencode(root) if at is None else at
        tree = _store(writer, os.fsencode(root))
        while path != b"/":
            path, name = os.path.split(path)
            entry = Entry(Step.ENTER, path, name, os.fsencode(root), os.stat(root))
            node = NodeReader(UTC, ignore).read(entry)
            node.subtree = tree.hex()
            tree = writer.write(BlobType.TREE, encode_tree([node])).id
    repo.snapshots.save(Snapshot(time="2026-01-01T00:00:00Z", tree=tree, paths=(str(root),)))


def _store(writer: BlobWriter, directory: bytes) -> BlobId:
    nodes = []
    for name in sorted(os.listdir(directory)):
        source = os.path.join(directory, name)
        status = os.lstat(source)
        node = NodeReader(UTC, ignore).read(entry_at(source, status))
        if node.type == "file":
            with open(source, "rb") as file:
                pieces = iter(lambda: file.read(3), b"")
                node.content = [writer.write(BlobType.DATA, piece).id.hex() for piece in pieces]
        if node.type == "dir":
            node.subtree = _store(writer, source).hex()
        nodes.append(node)
    return writer.write(BlobType.TREE, encode_tree(nodes)).id


def changes(
    repo: Repository, path: bytes = b"/", options: LiveOptions | None = None
) -> list[tuple[str, bytes]]:
    def fail(event: Event) -> None:
        raise AssertionError(event)

    place = find_place(repo, Operand("latest", path))
    compared = LiveComparison(repo, place, options or LiveOptions(), fail)
    return [(one.modifier, one.path) for one in compared]


@pytest.fixture(params=[b"/", b"/root", b"/x/root", None], ids=["dot", "name", "two", "absolute"])
def saved(request: pytest.FixtureRequest, repo: Repository, root: Path) -> bytes:
    """Save the directory at one of the places in a snapshot where its name can put it."""
    at = os.fsencode(root) if request.param is None else request.param
    if at == b"/x/root":
        at = b"/" + os.fsencode(root.parent.name) + b"/root"
    save_live(repo, root, at)
    return at.rstrip(b"/")


@pytest.mark.usefixtures("saved")
def test_nothing_changed(repo: Repository) -> None:
    assert changes(repo) == []
    assert changes(repo, options=LiveOptions(metadata=True, read_data=True)) == []


def test_all_kinds_of_changes(repo: Repository, root: Path, saved: bytes) -> None:
    (root / "a").write_bytes(b"other")
    (root / "d" / "g").unlink()
    (root / "d" / "h").mkdir()
    (root / "d" / "h" / "new").write_bytes(b"")
    (root / "l").unlink()
    (root / "l").symlink_to("d")

    assert changes(repo) == [
        ("M", saved + b"/a"),
        ("-", saved + b"/d/g"),
        ("+", saved + b"/d/h/"),
        ("+", saved + b"/d/h/new"),
        ("M", saved + b"/l"),
    ]


def test_a_part_can_be_compared(repo: Repository, root: Path, saved: bytes) -> None:
    (root / "a").write_bytes(b"other")
    (root / "d" / "g").write_bytes(b"other")

    assert changes(repo, saved + b"/d") == [("M", saved + b"/d/g")]
    assert changes(repo, saved + b"/d/g") == [("M", saved + b"/d/g")]


def test_a_new_time_alone_is_no_change_of_contents(
    repo: Repository, root: Path, saved: bytes
) -> None:
    os.utime(root / "a", ns=(5, 5))

    assert changes(repo) == []
    assert changes(repo, options=LiveOptions(metadata=True)) == [("U", saved + b"/a")]


def test_same_size_and_time_are_believed_unless_data_is_read(repo: Repository, root: Path) -> None:
    save_live(repo, root)
    before = os.stat(root / "a").st_mtime_ns
    (root / "a").write_bytes(b"tsrif")
    os.utime(root / "a", ns=(before, before))

    assert changes(repo) == []
    assert changes(repo, options=LiveOptions(read_data=True)) == [("M", os.fsencode(root) + b"/a")]


def test_metadata_is_what_a_restore_would_bring_back(repo: Repository, root: Path) -> None:
    save_live(repo, root)
    os.chmod(root / "d" / "g", 0o4711)
    os.link(root / "a", root / "d" / "e" / "second")  # ctime and the number of links of `a`

    found = {path: how for how, path in changes(repo, options=LiveOptions(metadata=True))}

    base = os.fsencode(root)
    assert found == {
        base + b"/d/e/": "U",  # its time
        base + b"/d/e/second": "+",
        base + b"/d/g": "U",
    }


def test_what_is_excluded_is_shown_on_neither_side(repo: Repository, root: Path) -> None:
    save_live(repo, root)
    (root / "d" / "g").unlink()
    (root / "new.tmp").write_bytes(b"")
    excludes = Excludes(ExcludeOptions(patterns=(b"*.tmp", b"g")))

    assert changes(repo, options=LiveOptions(excludes=excludes)) == []


def test_another_type(repo: Repository, root: Path) -> None:
    save_live(repo, root)
    base = os.fsencode(root)
    (root / "a").unlink()
    build(root / "a", {"in": Dir({"it": File(b"")})})

    assert changes(repo) == [
        ("T", base + b"/a/"),
        ("+", base + b"/a/in/"),
        ("+", base + b"/a/in/it"),
    ]


def test_a_target_that_is_gone_is_removed(repo: Repository, root: Path) -> None:
    save_live(repo, root)
    root.rename(root.parent / "elsewhere")

    assert changes(repo)[0] == ("-", os.fsencode(root) + b"/")
    assert len(changes(repo)) == 7


def test_a_directory_that_cannot_be_listed_is_reported_and_not_taken_for_empty(
    repo: Repository, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_live(repo, root)
    listdir = os.listdir

    def refuse(path: bytes) -> list[bytes]:
        if path.endswith(b"/d"):
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    events: list[Event] = []
    place = find_place(repo, Operand("latest"))

    assert list(LiveComparison(repo, place, LiveOptions(), events.append)) == []
    assert [type(event) for event in events] == [Problem]


def test_counts(repo: Repository, root: Path) -> None:
    save_live(repo, root)
    (root / "a").write_bytes(b"changed")
    (root / "d" / "g").unlink()
    (root / "new").write_bytes(b"12345")
    compared = LiveComparison(repo, find_place(repo, Operand("latest")), LiveOptions())
    list(compared)
    stats = compared.statistics()

    assert (stats.changed_files, stats.added.files, stats.added.bytes) == (1, 1, 5)
    assert (stats.removed.files, stats.removed.bytes) == (1, 1)


def roots_of(*paths: str, stored: dict[bytes, int]) -> list[LiveRoot]:
    def find(path: bytes) -> Node | None:
        inode = stored.get(path)
        return None if inode is None else Node(quoted_name="x", type="dir", inode=inode)

    return live_roots(paths, find)


def test_a_name_inside_is_not_taken_for_the_directory_itself(tmp_path: Path) -> None:
    project = tmp_path / "proj"
    (project / "proj").mkdir(parents=True)
    inner = os.stat(project / "proj").st_ino
    outer = os.stat(project).st_ino
    path = os.fsencode(project)

    assert roots_of(str(project), stored={b"/proj": inner}) == [LiveRoot(b"/", path)]
    assert roots_of(str(project), stored={b"/proj": outer}) == [LiveRoot(b"/proj", path)]


def test_nested_targets_are_compared_once() -> None:
    stored = {b"/a": 1, b"/a/b": 2}

    assert roots_of("/a", "/a/b", "/a", stored=stored) == [LiveRoot(b"/a", b"/a")]


def test_targets_beside_a_dot_are_compared_where_they_are(repo: Repository, tmp_path: Path) -> None:
    build(tmp_path, {"work": {"f": b"1"}, "other": {"g": b"2"}})
    build(tmp_path / "together", {"f": b"1", "other": {"g": b"2"}})
    for name in ("f", "other/g"):
        source = tmp_path / ("work" if name == "f" else "") / name
        status = os.stat(source)
        os.utime(tmp_path / "together" / name, ns=(status.st_atime_ns, status.st_mtime_ns))
    save_live(repo, tmp_path / "together", b"/")
    saved = repo.snapshots.find("latest").snapshot
    paths = (str(tmp_path / "work"), str(tmp_path / "other"))
    repo.snapshots.save(replace(saved, time="2026-02-01T00:00:00Z", paths=paths))

    assert changes(repo) == []
    (tmp_path / "other" / "g").write_bytes(b"changed")
    assert changes(repo) == [("M", b"/other/g")]


def test_a_path_above_the_targets_means_all_of_them() -> None:
    roots = [LiveRoot(b"/a/b", b"/a/b"), LiveRoot(b"/c", b"/home/c")]

    assert narrow(roots, b"/") == roots
    assert narrow(roots, b"/a") == roots[:1]
    assert narrow(roots, b"/c/d") == [LiveRoot(b"/c/d", b"/home/c/d")]
    with pytest.raises(UsageError):
        narrow(roots, b"/elsewhere")
