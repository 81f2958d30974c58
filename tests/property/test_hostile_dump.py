"""Whatever trees and indexes say, an archive holds what is meant, and nothing that leads elsewhere.

What is inside of files is hostile too: it would be an entry of the archive if
more, or less, of it came than was said before.
"""

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bkp.events import Event, Problem
from bkp.files.writing.place import is_name
from bkp.formats.filemode import to_go
from bkp.formats.gojson import encode
from bkp.formats.index import IndexedPack
from bkp.formats.pack import BlobType, PackedBlob
from bkp.formats.snapshot import Snapshot
from bkp.ids import BlobId, PackId, SnapshotId, blob_id
from bkp.ops.dump import tarformat
from bkp.ops.dump.run import FORMATS, write_archive
from bkp.ops.locate import Place
from bkp.repo.index import BlobIndex
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.repo.writer import BlobWriter
from bkp.store.memory import MemoryStore
from hostiletrees import DAMAGED, LOST, Entries, Entry, Piece, node_of, trees
from memoryrepo import make_node
from packed import flip, object_of
from repos import make_repo

ENTRY = tarformat.header(b"../entry", make_node(b"x", to_go(stat.S_IFREG | 0o644)), 0)
SHORT, LONG = b"s" * 512 + ENTRY, b"l" * 512 + ENTRY  # which an index says wrong lengths of
_LIES = {SHORT: 5, LONG: 5000}
_LIAR = PackId(bytes(32))

_PIECES: list[Piece] = [b"", b"x", b"y" * 600, ENTRY, ENTRY, SHORT, LONG, DAMAGED, LOST]
_trees = trees(st.sampled_from(_PIECES))
MANY = settings(max_examples=3 * settings().max_examples)


@pytest.fixture(scope="module")
def repo() -> Repository:
    """A repository that has been lied to about some blobs, and in which one is damaged."""
    store = MemoryStore()
    repo = make_repo(store)
    for data, length in _LIES.items():
        blob = PackedBlob(BlobType.DATA, blob_id(data), 0, 40, length)
        repo.index.add(IndexedPack(_LIAR, [blob]))
    with repo.lock() as lock, repo.blob_writer(lock, known=BlobIndex()) as writer:
        for data in (*_LIES, DAMAGED):
            writer.write(BlobType.DATA, data)
    repo.load_index()
    place = repo.index.places(BlobType.DATA, blob_id(DAMAGED))[0]
    flip(store, object_of(place.pack), place.blob.offset + 20)
    for data, length in _LIES.items():
        assert repo.data_size(blob_id(data)) == length
        assert repo.read_blob(BlobType.DATA, blob_id(data)) == data
    return repo


def stored(repo: Repository, tree: Entries) -> Place:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bkp.repo.locking._SETTLE_SECONDS", 0)
        with repo.lock() as lock, repo.blob_writer(lock) as writer:
            root = _stored(writer, tree)
    snapshot = Snapshot(time="2026-01-02T03:04:05Z", tree=root, paths=("/",))
    return Place(SavedSnapshot(SnapshotId(bytes(32)), snapshot), b"/", None)


def _stored(writer: BlobWriter, tree: Entries) -> BlobId:
    def add(data: bytes) -> BlobId:
        return writer.write(BlobType.DATA, data).id

    nodes = [node_of(entry, _subtree(writer, entry), add) for entry in tree]
    return writer.write(BlobType.TREE, encode({"nodes": nodes}) + b"\n").id


def _subtree(writer: BlobWriter, entry: Entry) -> str:
    if isinstance(entry.subtree, tuple):
        return _stored(writer, entry.subtree).hex()
    return entry.subtree if isinstance(entry.subtree, str) else LOST


def expected(tree: Entries, above: bytes = b"") -> dict[bytes, Entry]:
    """Return what may be in an archive; of one name the first."""
    found: dict[bytes, Entry] = {}
    for entry in tree:
        path = above + entry.name
        if is_name(entry.name) and path not in found:
            found[path] = entry
            if entry.fields["type"] == "dir" and isinstance(entry.subtree, tuple):
                found |= expected(entry.subtree, path + b"/")
    return found


def silent(allowed: Iterable[bytes], told: set[bytes]) -> set[bytes]:
    """Return what must be in an archive: nothing was told of it, nor of anything above it."""
    if b"/" in told:
        return set()
    return {
        path
        for path in allowed
        if not any(path == one[1:] or path.startswith(one[1:] + b"/") for one in told)
    }


def contents(entry: Entry) -> bytes:
    return b"".join(piece for piece in entry.pieces or () if isinstance(piece, bytes))


def dumped(repo: Repository, kind: str, tree: Entries) -> tuple[io.BytesIO, set[bytes]]:
    """Return an archive and the paths that something was reported of."""
    events: list[Event] = []
    stream = io.BytesIO()
    write_archive(repo, stored(repo, tree), FORMATS[kind](stream), b"/", events.append)
    stream.seek(0)
    return stream, {event.path for event in events if isinstance(event, Problem)}


@MANY
@given(_trees)
def test_a_tar_archive_has_what_it_says(repo: Repository, tree: Entries) -> None:
    stream, told = dumped(repo, "tar", tree)

    allowed = expected(tree)
    met: dict[str, tarfile.TarInfo] = {}
    with tarfile.open(fileobj=stream, mode="r:", errors="surrogateescape") as archive:
        for member in archive:
            path = os.fsencode(member.name)
            assert member.name not in met
            assert all(met[above].isdir() for above in _above(member.name))
            met[member.name] = member
            if member.islnk():
                assert not met[member.linkname].isdir()
            elif member.isreg() and b"/" + path not in told:
                data = archive.extractfile(member)
                assert data is not None
                assert data.read() == contents(allowed[path])
        rest = stream.getvalue()[archive.offset :]
    assert not any(rest)
    assert {os.fsencode(name) for name in met} <= set(allowed)
    assert {os.fsencode(name) for name in met} >= silent(allowed, told)


def _above(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


@MANY
@given(_trees)
def test_a_zip_archive_has_what_it_says(repo: Repository, tree: Entries) -> None:
    stream, told = dumped(repo, "zip", tree)

    allowed = {
        path.decode("utf-8", "backslashreplace"): (path, entry)
        for path, entry in expected(tree).items()
    }
    with zipfile.ZipFile(stream) as archive:
        names = [name.rstrip("/") for name in archive.namelist()]
        assert len(names) == len(set(names))
        assert set(names) <= set(allowed)
        for name in archive.namelist():
            path, entry = allowed[name.rstrip("/")]
            data = archive.read(name)
            if entry.fields["type"] == "file" and b"/" + path not in told:
                assert data == contents(entry)
