"""Snapshots given as literal trees, stored in packs, and ways to damage them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace as replaced
from hashlib import sha256

from bkp.formats.index import IndexedPack, decode_index, encode_index
from bkp.formats.pack import BlobType, PackedBlob
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


def put_index(repo: Repository, data: bytes) -> ObjectName:
    """Store an index object."""
    sealed = repo.envelope.seal_file(data)
    name = ObjectName(Kind.INDEX, sha256(sealed).hexdigest())
    repo.store.put(name, sealed)
    return name


def mark_all(repo: Repository, *, apart: bool = True) -> list[ObjectName]:
    """Mark all packs to be deleted, as rustic does; return the new index objects.

    With `apart`, marks are in objects of their own.
    """
    new = []
    for name in [found for found, _ in repo.store.scan(Kind.INDEX)]:
        index = decode_index(repo.envelope.open_file(repo.store.get(name)))
        marked = [replaced(pack, time="2026-01-01T00:00:00Z") for pack in index.packs]
        blob = PackedBlob(BlobType.DATA, BlobId(bytes(32)), 0, 40, 0)
        other = [] if apart else [IndexedPack(PackId(bytes(32)), [blob])]
        new.append(put_index(repo, encode_index(other, 2, marked)))
        repo.store.delete(name)
    return new
