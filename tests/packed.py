"""Snapshots given as literal trees, stored in packs, and ways to damage them."""

from collections.abc import Iterable, Mapping

from bkp.formats.pack import BlobType
from bkp.formats.snapshot import Snapshot
from bkp.formats.tree import Node, encode_tree
from bkp.ids import BlobId, PackId
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.repo.writer import BlobWriter
from bkp.store.base import Kind, ObjectName, Store
from memoryrepo import MemoryRepository, Spec, store


class _Writing(MemoryRepository):
    """Stores by a real writer what literal trees are made of."""

    def __init__(self, writer: BlobWriter) -> None:
        super().__init__()
        self._writer = writer

    def add(self, data: bytes) -> BlobId:
        return self._writer.write(BlobType.DATA, data).id

    def add_tree(self, nodes: Iterable[Node]) -> BlobId:
        encoded = encode_tree(sorted(nodes, key=lambda node: node.name))
        return self._writer.write(BlobType.TREE, encoded).id


def save(
    repo: Repository,
    tree: Mapping[bytes, Spec],
    *,
    time: str = "2026-01-02T03:04:05Z",
    paths: tuple[str, ...] = ("/",),
    host: str = "host",
) -> SavedSnapshot:
    """Store a tree and a snapshot of it."""
    with repo.lock() as lock, repo.blob_writer(lock) as writer:
        root = store(_Writing(writer), tree)
    return repo.snapshots.save(Snapshot(time=time, tree=root, paths=paths, hostname=host))


def pack_of(repo: Repository, name: BlobId, kind: BlobType = BlobType.DATA) -> PackId:
    """Return the pack that a blob is in."""
    return repo.index.places(kind, name)[0].pack


def object_of(pack: PackId) -> ObjectName:
    return ObjectName(Kind.PACK, pack.hex())


def replace(target: Store, name: ObjectName, data: bytes) -> None:
    """Put other bytes where an object is."""
    target.delete(name)
    target.put(name, data)


def flip(target: Store, name: ObjectName, at: int) -> None:
    """Change one byte of an object."""
    data = bytearray(target.get(name))
    data[at] ^= 1
    replace(target, name, bytes(data))
