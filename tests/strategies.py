"""Hypothesis strategies for what repositories hold, shared by all property tests."""

from collections.abc import Sequence
from itertools import accumulate

from hypothesis import strategies as st

from bkp.formats.config import MAX_CHUNK_SIZE, Config
from bkp.formats.goquote import quote
from bkp.formats.index import IndexedPack
from bkp.formats.keyfile import KeyFile, MasterKeyFile
from bkp.formats.lock import LockFile
from bkp.formats.pack import SEAL_OVERHEAD, BlobType, PackedBlob
from bkp.formats.snapshot import Snapshot, Summary
from bkp.formats.tree import Node, Xattr
from bkp.ids import BlobId, PackId, SnapshotId
from bkp.times import UTC, format_time

uint32 = st.integers(0, 2**32 - 1)
uint63 = st.integers(0, 2**63 - 1)
uint64 = st.integers(0, 2**64 - 1)

ids = st.binary(min_size=32, max_size=32)
hex_ids = ids.map(bytes.hex)

# Names that a directory can hold: any bytes but the separator and NUL.
_awkward = st.sampled_from(
    [b"\xff", b"\xed\xa0\x80", b"\xc2\xa0", b"\xe2\x80\xa8", b'"', b"\\", b"\n", b"<", b"\xf0\x9f"]
)
_name_parts = st.one_of(
    _awkward,
    st.binary(min_size=1, max_size=4),
    st.text(min_size=1, max_size=4).map(lambda text: text.encode("utf-8", "surrogatepass")),
)
names = (
    st.lists(_name_parts, min_size=1, max_size=6)
    .map(b"".join)
    .map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"_")[:255])
    .filter(lambda name: name not in {b"", b".", b".."})
)

plain_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)

# Seconds of the years 0 to 9999, where text and instant say the same.
_seconds = st.integers(-62_167_219_200, 253_402_300_799)
instants = st.builds(lambda second, ns: second * 10**9 + ns, _seconds, st.integers(0, 10**9 - 1))
times = instants.map(lambda ns: format_time(ns, UTC))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | plain_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain_texts, inner, max_size=3),
    max_leaves=8,
)


def extras(known: Sequence[str]) -> st.SearchStrategy[dict[str, object]]:
    """Keys that somebody else may have put beside the known ones."""
    keys = plain_texts.filter(lambda key: key not in {*known, "extra"})
    return st.dictionaries(keys, json_values, max_size=3)


xattrs = st.builds(Xattr, name=plain_texts, value=st.none() | st.binary(max_size=20))


@st.composite
def nodes(draw: st.DrawFn) -> Node:
    """A node of any type, with the fields that go with it."""
    kind = draw(st.sampled_from(["file", "dir", "symlink", "dev", "chardev", "fifo", "socket"]))
    node = Node(
        quoted_name=quote(draw(names)),
        type=kind,
        mode=draw(uint32),
        mtime=draw(times),
        atime=draw(times),
        ctime=draw(times),
        uid=draw(uint32),
        gid=draw(uint32),
        user=draw(plain_texts),
        group=draw(plain_texts),
        inode=draw(uint64),
        device_id=draw(uint64),
        links=draw(uint63),
        extended_attributes=draw(st.lists(xattrs, max_size=2)),
        content=None,
    )
    if kind == "file":
        node.size = draw(uint63)
        node.content = draw(st.lists(hex_ids, max_size=3))
    elif kind == "dir":
        node.subtree = draw(hex_ids)
    elif kind == "symlink":
        node.target = draw(names)
    elif kind in {"dev", "chardev"}:
        node.device = draw(uint63)
    return node


trees = st.lists(nodes(), max_size=5, unique_by=lambda node: node.name).map(
    lambda found: sorted(found, key=lambda node: node.name)
)

_lengths = st.integers(SEAL_OVERHEAD, 2**20)
_members = st.tuples(st.sampled_from(BlobType), ids.map(BlobId), _lengths, uint32)


def _contiguous(members: list[tuple[BlobType, BlobId, int, int]]) -> list[PackedBlob]:
    offsets = accumulate((length for _, _, length, _ in members), initial=0)
    return [
        PackedBlob(kind, name, offset, length, raw_length)
        for (kind, name, length, raw_length), offset in zip(members, offsets, strict=False)
    ]


pack_contents = st.lists(_members, max_size=8).map(_contiguous)
indexed_packs = st.builds(
    IndexedPack,
    id=ids.map(PackId),
    blobs=pack_contents,
    time=st.none() | times,
    size=st.none() | uint32,
)

_chunk_sizes = st.none() | st.integers(1, MAX_CHUNK_SIZE)
configs = st.builds(
    Config,
    version=st.sampled_from([1, 2]),
    id=hex_ids,
    chunker_polynomial=uint64,
    chunker=st.sampled_from(["", "rabin", "fixed_size", "Unheard"]),
    chunk_size=_chunk_sizes,
    chunk_min_size=_chunk_sizes,
    chunk_max_size=_chunk_sizes,
    bkp_chunker=st.sampled_from(["", "fastcdc"]),
    extra=extras(tuple(Config.__dataclass_fields__)),
)

keyfiles = st.builds(
    KeyFile,
    created=times,
    username=plain_texts,
    hostname=plain_texts,
    n=uint63,
    r=uint63,
    p=uint63,
    salt=st.binary(min_size=64, max_size=64),
    data=st.binary(max_size=200),
    extra=extras((*KeyFile.__dataclass_fields__, "N")),
)

master_keys = st.builds(
    MasterKeyFile,
    encrypt=st.binary(min_size=32, max_size=32),
    k=st.binary(min_size=16, max_size=16),
    r=st.binary(min_size=16, max_size=16),
)

locks = st.builds(
    LockFile,
    time=times,
    exclusive=st.booleans(),
    hostname=plain_texts,
    username=plain_texts,
    pid=uint63,
    uid=uint32,
    gid=uint32,
)

_tuples = st.lists(plain_texts, max_size=3).map(tuple)
_summary_keys = tuple(Summary.__dataclass_fields__)
summaries = st.builds(
    Summary,
    backup_start=times,
    backup_end=times,
    files_new=uint63,
    data_added=uint63,
    total_bytes_processed=uint63,
    extra=extras(_summary_keys),
)
snapshots = st.builds(
    Snapshot,
    time=times,
    parent=st.none() | ids.map(SnapshotId),
    tree=ids.map(BlobId),
    paths=_tuples,
    hostname=plain_texts,
    username=plain_texts,
    uid=uint32,
    gid=uint32,
    excludes=_tuples,
    tags=_tuples,
    original=st.none() | ids.map(SnapshotId),
    program_version=plain_texts,
    summary=st.none() | summaries,
    extra=extras(tuple(Snapshot.__dataclass_fields__)),
)
