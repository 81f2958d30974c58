"""A repository in memory, of which restores can be made, and nodes to fill it with.

Nothing keeps it from holding what no backup would ever make.
"""

import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from bkp.errors import Inauthentic, IntegrityError, Missing
from bkp.formats.filemode import to_go
from bkp.formats.goquote import quote
from bkp.formats.tree import Node, Xattr
from bkp.ids import BlobId, blob_id
from bkp.ops.restore.options import RestoreOptions
from bkp.times import UTC, format_time
from bkp.workers import ordered_map

Consume = Callable[[list[BlobId], memoryview, list[tuple[int, int]]], None]

MTIME = 1_600_000_000_123_456_789  # ns


class MemoryRepository:
    """Trees and data by name.

    `damaged` blobs cannot be read, and `wrong` ones read as something else.
    `location` is the directory it pretends to be.
    """

    def __init__(self) -> None:
        self.trees: dict[BlobId, list[Node]] = {}
        self.blobs: dict[BlobId, bytes] = {}
        self.damaged: set[BlobId] = set()
        self.wrong: dict[BlobId, bytes] = {}
        self.was_read: list[BlobId] = []
        self.was_loaded: list[BlobId] = []  # trees
        self.location = "in memory"

    def add(self, data: bytes) -> BlobId:
        name = blob_id(data)
        self.blobs[name] = data
        return name

    def add_tree(self, nodes: Iterable[Node]) -> BlobId:
        listed = list(nodes)
        name = blob_id(b"tree %d" % len(self.trees))
        self.trees[name] = listed
        return name

    def load_tree(self, name: BlobId) -> list[Node]:
        self.was_loaded.append(name)
        if name in self.damaged:
            raise Inauthentic(f"tree {name.hex()[:8]} is damaged")
        if name not in self.trees:
            raise Missing(f"tree {name.hex()[:8]} is in no index")
        return self.trees[name]

    def load_trees(self, names: Sequence[BlobId]) -> dict[BlobId, list[Node]]:  # noqa: ARG002
        return {}  # everything is asked for one by one

    def data_sizes(self, names: Sequence[BlobId]) -> list[int | None]:
        return [len(self.blobs[name]) if name in self.blobs else None for name in names]

    def read_blobs(self, names: Iterable[BlobId], consume: Consume) -> dict[BlobId, IntegrityError]:
        names = list(names)
        self.was_read += names

        def read(name: BlobId) -> None:
            if name not in self.damaged:
                data = self.wrong.get(name, self.blobs[name])
                consume([name], memoryview(data), [(0, len(data))])

        for _ in ordered_map(read, names, threads=4, ahead=64):
            pass
        return {name: Inauthentic("its MAC is wrong") for name in names if name in self.damaged}


def make_node(name: bytes, st_mode: int, **fields: object) -> Node:
    """Return a node owned by whoever runs the tests; `fields` are those of Node, or `mtime_ns`."""
    mtime = fields.pop("mtime_ns", MTIME)
    assert isinstance(mtime, int)
    text = format_time(mtime, UTC)
    plain: dict[str, object] = {
        "name": quote(name),
        "type": "file",
        "mode": to_go(st_mode),
        "mtime": text,
        "atime": text,
        "ctime": text,
        "uid": os.geteuid(),
        "gid": os.getegid(),
        "content": None,
    }
    return msgspec.convert(plain | fields, Node)


def xattrs(values: Mapping[str, bytes]) -> list[Xattr]:
    return [Xattr(name, value) for name, value in values.items()]


@dataclass(frozen=True)
class File:
    """A file whose contents are cut as listed."""

    pieces: tuple[bytes, ...] = ()
    mode: int = 0o644
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Dir:
    entries: "Mapping[bytes, Spec]" = field(default_factory=dict)
    mode: int = 0o755
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Symlink:
    to: bytes
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Special:
    st_mode: int
    fields: Mapping[str, object] = field(default_factory=dict)


Spec = bytes | File | Dir | Symlink | Special | Mapping[bytes, "Spec"]


def store(repository: MemoryRepository, entries: Mapping[bytes, Spec]) -> BlobId:
    """Store a tree given as a literal; plain bytes are files, mappings directories."""
    return repository.add_tree(
        node_of(repository, name, spec) for name, spec in sorted(entries.items())
    )


def node_of(repository: MemoryRepository, name: bytes, spec: Spec) -> Node:
    """Store what an entry of a literal tree is made of, and return its node."""
    if isinstance(spec, bytes):
        spec = File((spec,)) if spec else File()
    if isinstance(spec, Mapping):
        spec = Dir(spec)
    if isinstance(spec, File):
        content = [repository.add(piece).hex() for piece in spec.pieces]
        fields = {"size": sum(map(len, spec.pieces)), "content": content, **spec.fields}
        return make_node(name, stat.S_IFREG | spec.mode, **fields)
    if isinstance(spec, Dir):
        tree = store(repository, spec.entries).hex()
        return make_node(
            name, stat.S_IFDIR | spec.mode, type="dir", **{"subtree": tree, **spec.fields}
        )
    if isinstance(spec, Symlink):
        node = make_node(name, stat.S_IFLNK | 0o777, type="symlink", **spec.fields)
        node.target = spec.to
        return node
    types = {stat.S_IFIFO: "fifo", stat.S_IFBLK: "dev", stat.S_IFCHR: "chardev"}
    type_name = types.get(stat.S_IFMT(spec.st_mode), "socket")
    return make_node(name, spec.st_mode, type=type_name, **spec.fields)


Seen = dict[bytes, object]


def seen(path: bytes) -> Seen:
    """Return what is in a directory: bytes for files, dicts for directories, (target,) for links.

    Other entries are given by their `st_mode`.
    """
    found: Seen = {}
    for name in os.listdir(path):
        entry = os.path.join(path, name)
        mode = os.lstat(entry).st_mode
        if stat.S_ISDIR(mode):
            found[name] = seen(entry)
        elif stat.S_ISLNK(mode):
            found[name] = (os.readlink(entry),)
        elif stat.S_ISREG(mode):
            with open(entry, "rb") as file:
                found[name] = file.read()
        else:
            found[name] = mode
    return found


def listing(options: RestoreOptions | None) -> RestoreOptions:
    """Return options by which every entry is told of."""
    return replace(options or RestoreOptions(), list_entries=True)
