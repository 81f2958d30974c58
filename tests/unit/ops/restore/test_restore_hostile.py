"""Trees made to harm, and targets that change under the restore."""

import os
import stat
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from bkp.errors import IntegrityError, UsageError
from bkp.events import Event, Problem, RestorePlanned
from bkp.formats.filemode import to_go
from bkp.formats.tree import Node
from bkp.ids import BlobId
from bkp.ops.restore.options import Overwrite, RestoreOptions, RestoreStats
from bkp.ops.restore.run import restore
from memoryrepo import (
    Consume,
    File,
    MemoryRepository,
    Spec,
    Symlink,
    make_node,
    node_of,
    seen,
    store,
    xattrs,
)

OUTSIDE = {b"precious": b"keep", b"d": {}}


@pytest.fixture
def repository() -> MemoryRepository:
    return MemoryRepository()


def changed(path: Path) -> tuple[int, ...]:
    """What changes with an entry or with its attributes."""
    status = path.stat()
    return status.st_mode, status.st_uid, status.st_mtime_ns, status.st_ctime_ns


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    outside = tmp_path / "outside"
    (outside / "d").mkdir(parents=True)
    (outside / "precious").write_bytes(b"keep")
    before = changed(outside)
    yield tmp_path / "deep" / "er" / "target"
    assert seen(bytes(outside)) == OUTSIDE
    assert changed(outside) == before
    assert set(os.listdir(tmp_path)) <= {"outside", "deep"}
    assert set(os.listdir(tmp_path / "deep")) <= {"er"}
    assert set(os.listdir(tmp_path / "deep" / "er")) == {"target"}


def bring_back(
    repository: MemoryRepository,
    tree: BlobId,
    target: Path,
    options: RestoreOptions | None = None,
) -> tuple[RestoreStats, dict[bytes, str]]:
    events: list[Event] = []
    stats = restore(repository, tree, target, options or RestoreOptions(), events.append)
    told = {event.path: event.message for event in events if isinstance(event, Problem)}
    return stats, told


BAD_NAMES = [b"", b".", b"..", b"/", b"a/b", b"../precious", b"/etc/passwd", b"x/", b"a\0b"]


@pytest.mark.parametrize("spec", [b"evil", {b"f": b"evil"}, Symlink(b"/")])
@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_leads_elsewhere_is_left_out(
    repository: MemoryRepository, target: Path, name: bytes, spec: Spec
) -> None:
    nodes = [node_of(repository, b"a", b"good"), node_of(repository, name, spec)]

    stats, told = bring_back(repository, repository.add_tree(nodes), target)

    assert seen(bytes(target)) == {b"a": b"good"}
    assert stats.problems == 1
    assert "impossible name" in told[b"/"]


@pytest.mark.parametrize("delete", [False, True])
@pytest.mark.parametrize("to", [b"../../../outside", b"/", b"."])
def test_a_directory_after_a_symlink_of_its_name_is_left_out(
    repository: MemoryRepository, target: Path, to: bytes, delete: bool
) -> None:
    nodes = [
        node_of(repository, b"d", Symlink(to)),
        node_of(repository, b"d", {b"precious": b"evil", b"new": b"evil"}),
    ]

    _, told = bring_back(
        repository, repository.add_tree(nodes), target, RestoreOptions(delete=delete)
    )

    assert seen(bytes(target)) == {b"d": (to,)}
    assert "same name" in told[b"/d"]


def test_of_two_files_of_one_name_the_first_is_restored(
    repository: MemoryRepository, target: Path
) -> None:
    nodes = [node_of(repository, b"f", b"1"), node_of(repository, b"f", b"2")]

    stats, _ = bring_back(repository, repository.add_tree(nodes), target)

    assert seen(bytes(target)) == {b"f": b"1"}
    assert stats.problems == 1


@pytest.mark.parametrize("options", [RestoreOptions(), RestoreOptions(delete=True)])
def test_a_symlink_where_a_directory_belongs_is_replaced(
    repository: MemoryRepository, target: Path, options: RestoreOptions
) -> None:
    target.mkdir(parents=True)
    (target / "d").symlink_to("../../../outside")
    tree = store(repository, {b"d": {b"precious": b"new", b"d": {b"x": b"y"}}})

    stats, _ = bring_back(repository, tree, target, options)

    assert stats.problems == 0
    assert seen(bytes(target)) == {b"d": {b"precious": b"new", b"d": {b"x": b"y"}}}


def test_a_symlink_where_a_file_belongs_is_replaced(
    repository: MemoryRepository, target: Path
) -> None:
    target.mkdir(parents=True)
    for name in ["f", "p"]:
        (target / name).symlink_to("../../../outside/precious")
    tree = store(repository, {b"f": b"new", b"p": Symlink(b"elsewhere")})

    bring_back(repository, tree, target)

    assert seen(bytes(target)) == {b"f": b"new", b"p": (b"elsewhere",)}


def test_a_file_with_another_name_is_not_changed_in_place(
    repository: MemoryRepository, target: Path
) -> None:
    target.mkdir(parents=True)
    elsewhere = target / "elsewhere"
    elsewhere.write_bytes(b"keep")
    os.link(elsewhere, target / "f")

    bring_back(repository, store(repository, {b"f": b"new!"}), target)

    assert elsewhere.read_bytes() == b"keep"
    assert (target / "f").read_bytes() == b"new!"


@pytest.mark.parametrize("text", [b"new!", b"a longer text than there was"])
def test_nor_is_it_if_it_had_other_names_in_the_snapshot(
    repository: MemoryRepository, target: Path, text: bytes
) -> None:
    target.mkdir(parents=True)
    elsewhere = target / "elsewhere"
    elsewhere.write_bytes(b"keep")
    os.link(elsewhere, target / "a")
    two = File((text,), fields={"links": 2, "inode": 7})

    bring_back(repository, store(repository, {b"a": two, b"b": two}), target)

    assert seen(bytes(target)) == {b"a": text, b"b": text, b"elsewhere": b"keep"}
    assert os.path.samefile(target / "a", target / "b")


OTHER_ATTRIBUTES: list[dict[str, object]] = [
    {"mode": to_go(stat.S_IFREG | 0o4755)},
    {"gid": 1},
    {"mtime_ns": 5},
    {"extended_attributes": xattrs({"user.x": b"1"})},
]


@pytest.mark.parametrize("overwrite", [Overwrite.ALWAYS, Overwrite.IF_CHANGED])
@pytest.mark.parametrize("other", [{}, *OTHER_ATTRIBUTES])
def test_nor_are_its_attributes_where_its_contents_are_right(
    repository: MemoryRepository, target: Path, overwrite: Overwrite, other: dict[str, object]
) -> None:
    two: dict[str, object] = {"links": 2, "inode": 7}
    bring_back(repository, store(repository, {b"a": File((b"right",), fields=two)}), target)
    elsewhere = target / "elsewhere"
    os.link(target / "a", elsewhere)
    before = attributes_of(elsewhere)

    tree = store(repository, {b"a": File((b"right",), fields=two | other)})
    stats, _ = bring_back(repository, tree, target, RestoreOptions(overwrite=overwrite))

    assert attributes_of(elsewhere) == before
    assert os.path.samefile(elsewhere, target / "a") == (not other)
    assert stats.files_skipped == (not other)


def attributes_of(path: Path) -> tuple[object, ...]:
    status = path.stat()
    numbers = status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns
    return *numbers, os.listxattr(path), path.read_bytes()


def test_a_fifo_where_a_file_belongs_is_not_waited_for(
    repository: MemoryRepository, target: Path
) -> None:
    target.mkdir(parents=True)
    os.mkfifo(target / "f")

    bring_back(repository, store(repository, {b"f": b"new"}), target)

    assert seen(bytes(target)) == {b"f": b"new"}


class Swapping(MemoryRepository):
    """Calls something when a tree, or the contents, are read."""

    def __init__(self) -> None:
        super().__init__()
        self.on_tree: dict[BlobId, Callable[[], None]] = {}
        self.on_blobs: Callable[[], None] = lambda: None

    def load_tree(self, name: BlobId) -> list[Node]:
        self.on_tree.get(name, lambda: None)()
        return super().load_tree(name)

    def read_blobs(self, names: Iterable[BlobId], consume: Consume) -> dict[BlobId, IntegrityError]:
        self.on_blobs()
        return super().read_blobs(names, consume)


def swap(path: Path, to: str) -> Callable[[], None]:
    """Return what puts a symlink in the place of an entry, once."""

    def work() -> None:
        if not path.is_symlink():
            path.rename(path.with_name("moved"))
            path.symlink_to(to)

    return work


VICTIMS: dict[bytes, Spec] = {
    b"precious": b"evil",
    b"new": b"evil",
    b"l": Symlink(b"evil"),
    b"d": {b"deeper": b"evil"},
}


@pytest.mark.parametrize("exists", [False, True])
def test_a_directory_swapped_for_a_link_before_its_entries_leads_nowhere(
    target: Path, exists: bool
) -> None:
    repository = Swapping()
    inner = store(repository, VICTIMS)
    node = make_node(b"d", stat.S_IFDIR | 0o755, type="dir", subtree=inner.hex())
    if exists:
        (target / "d").mkdir(parents=True)
        (target / "d" / "unexpected").touch()
    repository.on_tree[inner] = swap(target / "d", "../../../outside")

    stats, told = bring_back(
        repository, repository.add_tree([node]), target, RestoreOptions(delete=True)
    )

    assert stats.problems > 0
    assert any(path.startswith(b"/d") for path in told)


def test_a_directory_swapped_for_a_link_before_its_contents_leads_nowhere(target: Path) -> None:
    repository = Swapping()
    tree = store(repository, {b"d": VICTIMS})
    repository.on_blobs = swap(target / "d", "../../../outside")

    bring_back(repository, tree, target)


def test_directories_no_longer_open_are_not_found_through_a_link(target: Path) -> None:
    repository = Swapping()
    many: dict[bytes, Spec] = {b"%04d" % number: {b"f": b"x"} for number in range(300)}
    tree = store(repository, {b"d": {b"precious": b"evil", b"many": many}})
    repository.on_blobs = swap(target / "d", "../../../outside")

    stats, told = bring_back(repository, tree, target)

    assert stats.problems > 0
    assert b"/d" in told


def test_a_file_that_was_right_and_is_swapped_lends_its_attributes_to_none(target: Path) -> None:
    repository = MemoryRepository()
    target.mkdir(parents=True)
    (target / "f").write_bytes(b"keep")
    precious = target.parents[2] / "outside" / "precious"
    before = precious.stat().st_mode, precious.stat().st_mtime_ns
    tree = store(repository, {b"f": File((b"keep",), mode=0o604), b"g": b"new"})

    def report(event: Event) -> None:  # the plan is told when it is known what is right
        if isinstance(event, RestorePlanned) and not (target / "moved").exists():
            (target / "f").rename(target / "moved")
            os.link(precious, target / "f")

    stats = restore(repository, tree, target, RestoreOptions(), report)

    assert (precious.stat().st_mode, precious.stat().st_mtime_ns) == before
    assert stats.problems == 1


def test_a_file_swapped_for_a_link_is_not_followed(target: Path) -> None:
    repository = Swapping()
    target.mkdir(parents=True)
    (target / "f").write_bytes(b"old")
    tree = store(repository, {b"f": File((b"new", b"er"))})
    repository.on_blobs = swap(target / "f", "../../../outside/precious")

    stats, told = bring_back(repository, tree, target)

    assert stats.problems == 1
    assert b"/f" in told


def test_a_link_put_where_a_new_file_belongs_is_not_followed(target: Path) -> None:
    repository = Swapping()
    tree = store(repository, {b"f": b"evil", b"g": b"good"})
    repository.on_blobs = lambda: (target / "f").symlink_to("../../../outside/precious")

    _, told = bring_back(repository, tree, target)

    assert told == {b"/f": "file exists"}
    assert (target / "g").read_bytes() == b"good"


def test_numbers_no_system_has_harm_only_their_entry(
    repository: MemoryRepository, target: Path
) -> None:
    absurd = make_node(b"f", 0o644, content=[repository.add(b"x").hex()], size=2**62)
    absurd.uid = absurd.gid = 2**32 - 1
    absurd.mtime = "9999-99-99T00:00:00Z"
    device = make_node(b"n", stat.S_IFCHR, type="chardev", device=2**63 - 1)
    odd = make_node(b"o", 0o644, type="irregular")
    long = make_node(b"y" * 256, 0o644, content=[])
    good = node_of(repository, b"z", b"good")

    stats, told = bring_back(
        repository, repository.add_tree([absurd, device, odd, long, good]), target
    )

    found = seen(bytes(target))
    assert (found[b"f"], found[b"z"]) == (b"x", b"good")
    assert stats.problems >= 4
    assert "irregular" in told[b"/o"]
    assert told[b"/" + b"y" * 256] == "file name too long"


@pytest.mark.parametrize("subtree", ["", "zz", "00" * 32])
def test_a_directory_whose_tree_is_lost_is_made_and_reported(
    repository: MemoryRepository, target: Path, subtree: str
) -> None:
    (target / "d").mkdir(parents=True)
    (target / "d" / "kept").write_bytes(b"k")
    node = make_node(b"d", stat.S_IFDIR | 0o755, type="dir", subtree=subtree)
    good = node_of(repository, b"e", b"good")

    stats, told = bring_back(
        repository, repository.add_tree([node, good]), target, RestoreOptions(delete=True)
    )

    assert seen(bytes(target)) == {b"d": {b"kept": b"k"}, b"e": b"good"}
    assert stats.problems == 1
    assert b"/d" in told


def test_nothing_is_deleted_beside_an_impossible_name(
    repository: MemoryRepository, target: Path
) -> None:
    target.mkdir(parents=True)
    (target / "kept").touch()
    nodes = [node_of(repository, b"..", b"x"), node_of(repository, b"f", b"x")]

    bring_back(repository, repository.add_tree(nodes), target, RestoreOptions(delete=True))

    assert set(os.listdir(target)) == {"kept", "f"}


@pytest.fixture
def inner(tmp_path: Path) -> Path:
    """A directory of the target that is the repository."""
    path = tmp_path / "deep" / "er" / "target" / "d" / "repository"
    path.mkdir(parents=True)
    (path / "data").write_bytes(b"packs")
    (path.parent / "old").write_bytes(b"old")
    return path


@pytest.mark.parametrize(
    "entries", [{b"d": {b"f": b"x"}}, {b"f": b"x"}, {b"d": b"a file"}, {b"d": {b"repository": {}}}]
)
def test_the_repository_is_not_deleted_with_what_is_around_it(
    repository: MemoryRepository, target: Path, inner: Path, entries: dict[bytes, Spec]
) -> None:
    repository.location = str(inner)

    options = RestoreOptions(delete=True)
    _, told = bring_back(repository, store(repository, entries), target, options)

    assert seen(bytes(inner)) == {b"data": b"packs"}
    assert [message for message in told.values() if "the repository is there" in message]


def test_nothing_is_restored_into_the_repository(
    repository: MemoryRepository, target: Path, inner: Path
) -> None:
    repository.location = str(inner)
    tree = store(repository, {b"d": {b"repository": {b"data": b"other"}}, b"data": b"other"})

    bring_back(repository, tree, target)
    with pytest.raises(UsageError, match="is the repository"):
        bring_back(repository, tree, inner)

    assert seen(bytes(inner)) == {b"data": b"packs"}


@pytest.fixture
def mounted(target: Path) -> Iterator[Path]:
    """A directory of the target where another file system is mounted, with something in it."""
    path = target / "mnt"
    path.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", path], check=True)
    (path / "d").mkdir()
    (path / "d" / "f").write_bytes(b"of others")
    yield path
    subprocess.run(["umount", path], check=True)


@pytest.mark.parametrize("entries", [{b"mnt": {}}, {b"f": b"x"}, {b"mnt": b"a file"}])
def test_what_is_mounted_in_the_target_is_not_deleted(
    repository: MemoryRepository, target: Path, mounted: Path, entries: dict[bytes, Spec]
) -> None:
    tree = store(repository, entries)

    _, told = bring_back(repository, tree, target, RestoreOptions(delete=True))

    assert seen(bytes(mounted)) == {b"d": {b"f": b"of others"}}
    assert "another file system is mounted there" in told[b"/mnt"]


def test_what_was_saved_of_a_mounted_file_system_is_its_whole(
    repository: MemoryRepository, target: Path, mounted: Path
) -> None:
    tree = store(repository, {b"mnt": {b"d": {b"g": b"x"}}})

    stats, _ = bring_back(repository, tree, target, RestoreOptions(delete=True))

    assert seen(bytes(mounted)) == {b"d": {b"g": b"x"}}
    assert stats.problems == 0
