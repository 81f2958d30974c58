import io
import os
import shutil
import stat
import subprocess
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from bkp.errors import IntegrityError
from bkp.events import Event, Problem
from bkp.formats.gojson import encode
from bkp.formats.index import IndexedPack
from bkp.formats.pack import BlobType, PackedBlob
from bkp.formats.snapshot import Snapshot
from bkp.formats.tree import Node, encode_tree
from bkp.ids import PackId, blob_id
from bkp.ops.dump import tarformat
from bkp.ops.dump.archives import TarArchive
from bkp.ops.dump.run import FORMATS, write_archive, write_file
from bkp.ops.locate import Operand, find_place
from bkp.repo.index import BlobIndex
from bkp.repo.repository import Repository
from bkp.store.memory import MemoryStore
from memoryrepo import Dir, File, Spec, Special, Symlink, make_node, xattrs
from packed import flip, object_of, save
from repos import make_repo, store_blobs
from trees import describe

LINK = {"links": 2, "inode": 5, "device_id": 1}
TREE: dict[bytes, Spec] = {
    b"plain": b"contents",
    b"empty": b"",
    b"pieces": File((b"x" * 5000, b"y" * 700, b"z")),
    b"\xff bytes": b"1",
    b"\xff" + b"long" * 50: b"2",
    "ümläut".encode(): b"3",
    b"l" * 255: b"4",
    b"new\nline": b"5",
    b"setuid": File((b"s",), mode=0o6755),
    b"first": File((b"linked",), fields=LINK),
    b"second": File((b"linked",), fields=LINK),
    b"symlink": Symlink(b"plain"),
    b"far": Symlink(b"t" * 300),
    b"bytes": Symlink(b"\xfe" * 150),
    b"before": File(fields={"mtime_ns": -1_500_000_000}),
    b"future": File(fields={"mtime_ns": 20_000_000_000 * 1_000_000_000 + 7}),
    b"xattrs": File(
        fields={"extended_attributes": xattrs({"user.b": b"\0\xff\n=", "user.e": b""})}
    ),
    b"dir": Dir({b"d" * 200: {b"e" * 200: b"deep"}}, mode=0o1777),
    b"fifo": Special(stat.S_IFIFO | 0o640),
}
DEVICES: dict[bytes, Spec] = {
    b"null": Special(stat.S_IFCHR | 0o666, {"device": os.makedev(1, 3)}),
    b"block": Special(stat.S_IFBLK | 0o660, {"device": os.makedev(259, 70000)}),
    b"owned": File((b"o",), fields={"uid": 3_000_000, "gid": 4_000_000, "user": "u" * 40}),
}
AS_ROOT = os.geteuid() == 0


class Unseekable(io.BytesIO):
    """A stream like a pipe."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def repo(store: MemoryStore) -> Repository:
    return make_repo(store)


def dumped(
    repo: Repository,
    kind: str = "tar",
    path: bytes = b"/",
    base: bytes = b"/",
    events: list[Event] | None = None,
) -> bytes:
    stream = Unseekable()
    place = find_place(repo, Operand("latest", path))
    write_archive(
        repo, place, FORMATS[kind](stream), base, fail if events is None else events.append
    )
    return stream.getvalue()


def fail(event: Event) -> None:
    raise AssertionError(event)


def test_what_tar_unpacks_is_the_tree(repo: Repository, tmp_path: Path) -> None:
    save(repo, TREE | DEVICES if AS_ROOT else TREE)
    (tmp_path / "out").mkdir()

    result = subprocess.run(
        ["tar", "-x", "-p", "--xattrs", "--xattrs-include=*", "-C", tmp_path / "out"],
        input=dumped(repo),
        capture_output=True,
        check=True,
    )

    # GNU tar does not know the mark of binary records, but reads them.
    assert b"unknown" not in result.stderr.replace(
        b"unknown extended header keyword 'hdrcharset'", b""
    )
    found = describe(tmp_path / "out")
    assert found[b"plain"].content == b"contents"
    assert found[b"pieces"].content == b"x" * 5000 + b"y" * 700 + b"z"
    assert found[b"\xff" + b"long" * 50].content == b"2"
    assert found["ümläut".encode()].content == b"3"
    assert found[b"setuid"].mode == 0o6755
    assert found[b"first"].same_as == (b"first", b"second")
    assert found[b"far"].content == b"t" * 300
    assert found[b"bytes"].content == b"\xfe" * 150
    assert found[b"before"].mtime_ns == -1_500_000_000
    assert dict(found[b"xattrs"].xattrs) == {"user.b": b"\0\xff\n=", "user.e": b""}
    assert found[b"dir"].mode == 0o1777
    assert found[b"dir/" + b"d" * 200 + b"/" + b"e" * 200].content == b"deep"
    assert (found[b"fifo"].kind, found[b"fifo"].mode) == ("fifo", 0o640)
    assert found[b"plain"].mtime_ns == 1_600_000_000_123_456_789
    if AS_ROOT:
        assert found[b"null"].device == os.makedev(1, 3)
        assert found[b"block"].device == os.makedev(259, 70000)
        assert found[b"owned"].owner == (3_000_000, 4_000_000)
    assert set(os.listdir(tmp_path / "out")) == {
        os.fsdecode(name) for name in (TREE | DEVICES if AS_ROOT else TREE)
    }


def test_python_reads_the_same_tar(repo: Repository) -> None:
    save(repo, TREE)

    with tarfile.open(fileobj=io.BytesIO(dumped(repo)), mode="r:") as archive:
        members = {os.fsencode(member.name): member for member in archive}

        assert set(TREE) <= set(members)
        assert members[b"future"].mtime == pytest.approx(20_000_000_000)
        assert members[b"second"].linkname == "first"
        assert archive.extractfile(members[b"pieces"]).read()[-2:] == b"yz"  # type: ignore[union-attr]


def test_names_are_relative_to_the_base(repo: Repository) -> None:
    save(repo, {b"a": {b"b": {b"c": b"1"}}})

    def names(path: bytes, base: bytes) -> list[str]:
        with tarfile.open(fileobj=io.BytesIO(dumped(repo, "tar", path, base))) as archive:
            return archive.getnames()

    assert names(b"/a/b", b"/") == ["a/b", "a/b/c"]
    assert names(b"/a/b", b"/a") == ["b", "b/c"]
    assert names(b"/a/b", b"/a/b") == ["c"]


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
def test_unzip_unpacks_what_a_zip_can_hold(repo: Repository, tmp_path: Path) -> None:
    save(
        repo,
        {
            name: TREE[name]
            for name in (b"plain", b"pieces", b"dir", b"symlink", b"first", b"second")
        },
    )
    (tmp_path / "a.zip").write_bytes(dumped(repo, "zip"))

    subprocess.run(["unzip", "-q", "a.zip", "-d", "out"], cwd=tmp_path, check=True)

    found = describe(tmp_path / "out")
    assert found[b"pieces"].content == b"x" * 5000 + b"y" * 700 + b"z"
    assert found[b"plain"].mtime_ns == 1_600_000_000 * 1_000_000_000
    assert found[b"symlink"].content == b"plain"
    assert found[b"second"].content == b"linked"


def test_a_zip_tells_what_it_cannot_hold(repo: Repository) -> None:
    save(repo, TREE)
    events: list[Event] = []

    with zipfile.ZipFile(io.BytesIO(dumped(repo, "zip", events=events))) as archive:
        assert archive.testzip() is None
        assert "\\xff bytes" in archive.namelist()
        assert archive.getinfo("before").date_time == (1980, 1, 1, 0, 0, 0)

    assert [(type(event), event.path) for event in events if isinstance(event, Problem)] == [
        (Problem, b"/fifo")
    ]


def test_a_file_without_all_its_blobs_is_left_out_and_told(repo: Repository) -> None:
    lost = File((b"x",), fields={"content": ["ab" * 32]})
    save(repo, {b"a": lost, b"b": b"fine"})
    events: list[Event] = []

    with tarfile.open(fileobj=io.BytesIO(dumped(repo, events=events))) as archive:
        assert archive.getnames() == ["b"]
    assert len(events) == 1


def test_damage_becomes_zeros_and_is_told(repo: Repository, store: MemoryStore) -> None:
    save(repo, {b"a": File((b"damaged", b"intact")), b"b": b"fine"})
    place = repo.index.places(BlobType.DATA, blob_id(b"damaged"))[0]
    flip(store, object_of(place.pack), place.blob.offset + 20)
    events: list[Event] = []

    with tarfile.open(fileobj=io.BytesIO(dumped(repo, events=events))) as archive:
        assert archive.extractfile("a").read() == bytes(7) + b"intact"  # type: ignore[union-attr]
        assert archive.extractfile("b").read() == b"fine"  # type: ignore[union-attr]
    assert [event.path for event in events if isinstance(event, Problem)] == [b"/a"]


@pytest.mark.parametrize("length", [5, 5000])
def test_what_is_longer_or_shorter_than_said_is_zeros_and_told(
    repo: Repository, length: int
) -> None:
    # A first copy, which is nowhere, says what goes into the header.
    data = b"x" * 512 + tarformat.header(b"../evil", make_node(b"x", stat.S_IFREG | 0o644), 0)
    place = PackedBlob(BlobType.DATA, blob_id(data), 0, 40, length)
    repo.index.add(IndexedPack(PackId(bytes(32)), [place]))
    with repo.lock() as lock, repo.blob_writer(lock, known=BlobIndex()) as writer:
        writer.write(BlobType.DATA, data)
    repo.load_index()
    assert repo.data_size(blob_id(data)) == length
    fields = {"content": [blob_id(data).hex(), blob_id(b"intact").hex()]}
    save(repo, {b"a": File((b"intact",), fields=fields), b"b": b"fine"})
    events: list[Event] = []

    with tarfile.open(fileobj=io.BytesIO(dumped(repo, events=events))) as archive:
        assert archive.getnames() == ["a", "b"]
        assert archive.extractfile("a").read() == bytes(length) + b"intact"  # type: ignore[union-attr]
    assert [event.path for event in events if isinstance(event, Problem)] == [b"/a"]


class Counting(io.BytesIO):
    """A stream that only counts."""

    size = 0

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self.size += len(data)
        return len(data)


def test_zeros_take_no_memory(repo: Repository) -> None:
    size = 1 << 30
    lost = PackedBlob(BlobType.DATA, blob_id(b"lost"), 0, 40, size)
    repo.index.add(IndexedPack(PackId(bytes(32)), [lost]))
    save(repo, {b"a": File(fields={"content": [lost.id.hex()] * 2})})
    stream = Counting()
    tracemalloc.start()

    write_archive(
        repo, find_place(repo, Operand("latest")), TarArchive(stream), b"/", lambda _: None
    )

    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()
    assert stream.size > 2 * size


def test_a_damaged_file_by_itself_is_an_error(repo: Repository, store: MemoryStore) -> None:
    saved = save(repo, {b"a": File((b"one", b"two"))})
    node = repo.load_tree(saved.snapshot.tree)[0]
    stream = io.BytesIO()
    write_file(repo, node, stream)
    assert stream.getvalue() == b"onetwo"
    place = repo.index.places(BlobType.DATA, blob_id(b"two"))[0]
    flip(store, object_of(place.pack), place.blob.offset + 20)

    with pytest.raises(IntegrityError):
        write_file(repo, node, io.BytesIO())


def save_as_is(repo: Repository, *nodes: Node) -> None:
    """Store a tree whose entries no backup would put together."""
    (tree,) = store_blobs(repo, encode({"nodes": nodes}) + b"\n", kind=BlobType.TREE)
    time = "2026-01-02T03:04:05Z"
    repo.snapshots.save(Snapshot(time=time, tree=tree, paths=("/",), hostname="host"))


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize("name", [b"", b".", b"..", b"../x", b"/etc/x", b"a\0b"])
def test_a_name_that_leads_elsewhere_is_left_out_and_told(
    repo: Repository, name: bytes, kind: str
) -> None:
    (inner,) = store_blobs(repo, encode_tree([make_node(b"f", 0o644)]), kind=BlobType.TREE)
    directory = make_node(name, stat.S_IFDIR | 0o755, type="dir", subtree=inner.hex())
    save_as_is(repo, make_node(name, 0o644), directory, make_node(b"good", 0o644))
    events: list[Event] = []

    archive = io.BytesIO(dumped(repo, kind, events=events))

    if kind == "tar":
        names = tarfile.open(fileobj=archive).getnames()  # noqa: SIM115
    else:
        names = zipfile.ZipFile(archive).namelist()
    assert names == ["good"]
    assert len(events) == 2


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_of_entries_of_one_name_the_first_is_dumped(repo: Repository, kind: str) -> None:
    # Whatever is in the directory would be unpacked to where the link leads.
    (inner,) = store_blobs(repo, encode_tree([make_node(b"f", 0o644)]), kind=BlobType.TREE)
    link = make_node(b"d", stat.S_IFLNK, type="symlink", linktarget="/etc")
    directory = make_node(b"d", stat.S_IFDIR | 0o755, type="dir", subtree=inner.hex())
    save_as_is(repo, link, directory, make_node(b"good", 0o644))
    events: list[Event] = []

    archive = io.BytesIO(dumped(repo, kind, events=events))

    if kind == "tar":
        names = tarfile.open(fileobj=archive).getnames()  # noqa: SIM115
    else:
        names = zipfile.ZipFile(archive).namelist()
    assert names == ["d", "good"]
    assert [event.path for event in events if isinstance(event, Problem)] == [b"/d"]


@pytest.mark.parametrize(("kind", "names"), [("tar", ["d", "l", "p"]), ("zip", ["d/", "l"])])
def test_only_files_have_contents(repo: Repository, kind: str, names: list[str]) -> None:
    # Who reads the archive would take them for its next entry.
    entry = tarformat.header(b"../evil", make_node(b"evil", stat.S_IFREG | 0o644), 0)
    tree: dict[bytes, Spec] = {
        b"d": Dir(fields={"content": [blob_id(entry).hex()]}),
        b"l": Symlink(b"to", fields={"content": [blob_id(entry).hex()]}),
        b"p": Special(stat.S_IFIFO, fields={"content": [blob_id(entry).hex()]}),
    }
    store_blobs(repo, entry)
    save(repo, tree)

    archive = io.BytesIO(dumped(repo, kind, events=[]))

    if kind == "tar":
        assert tarfile.open(fileobj=archive).getnames() == names  # noqa: SIM115
    else:
        assert zipfile.ZipFile(archive).namelist() == names
        assert zipfile.ZipFile(archive).read("l") == b"to"


def test_files_that_share_no_more_than_an_inode_number_are_not_linked(repo: Repository) -> None:
    save(repo, {b"a": File((b"one",), fields=LINK), b"b": File((b"two",), fields=LINK)})

    with tarfile.open(fileobj=io.BytesIO(dumped(repo))) as archive:
        assert archive.extractfile("b").read() == b"two"  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_time_that_cannot_be_read_costs_only_the_time(repo: Repository, kind: str) -> None:
    save(repo, {b"a": File((b"one",), fields={"mtime": "garbage"})})
    events: list[Event] = []

    archive = io.BytesIO(dumped(repo, kind, events=events))

    if kind == "tar":
        assert tarfile.open(fileobj=archive).getnames() == ["a"]  # noqa: SIM115
    else:
        assert zipfile.ZipFile(archive).read("a") == b"one"
    assert [event.path for event in events if isinstance(event, Problem)] == [b"/a"]


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_an_attribute_of_a_lost_name_costs_only_itself(repo: Repository, kind: str) -> None:
    names = {"user.\udcff": b"1", "user.ü": b"2"}
    save(repo, {b"a": File((b"one",), fields={"extended_attributes": xattrs(names)})})
    events: list[Event] = []

    archive = io.BytesIO(dumped(repo, kind, events=events))

    if kind == "zip":  # which has no attributes at all
        assert zipfile.ZipFile(archive).read("a") == b"one"
        assert not events
    else:
        (member,) = tarfile.open(fileobj=archive)  # noqa: SIM115
        assert member.pax_headers.keys() == {"mtime", "SCHILY.xattr.user.ü"}
        assert [event.path for event in events if isinstance(event, Problem)] == [b"/a"]


def test_a_path_that_is_too_long_for_zip_is_left_out_and_told(repo: Repository) -> None:
    deep: dict[bytes, Spec] = {}
    for _ in range(66):
        deep = {b"\xff" * 255: deep}  # each byte of it takes four in the archive
    save(repo, deep)
    events: list[Event] = []

    names = zipfile.ZipFile(io.BytesIO(dumped(repo, "zip", events=events))).namelist()

    assert [len(name) for name in names] == [1021 * depth for depth in range(1, 65)]
    assert len([event for event in events if isinstance(event, Problem)]) == 2


def test_a_device_of_an_impossible_number_is_left_out_and_told(repo: Repository) -> None:
    impossible = {"device": 2**63 - 1}
    save(repo, {b"a": Special(stat.S_IFCHR, impossible), b"b": File(fields=impossible)})
    events: list[Event] = []

    with tarfile.open(fileobj=io.BytesIO(dumped(repo, events=events))) as archive:
        assert archive.getnames() == ["b"]
    assert [event.path for event in events if isinstance(event, Problem)] == [b"/a"]
