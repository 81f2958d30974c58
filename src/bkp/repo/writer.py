"""Blobs in, packs and index objects out: the one place that stores data.

The order in which things become durable is the promise of this module: packs
of data, packs of trees, index objects; whoever called stores the snapshot
after that.  A run killed at any instant leaves packs that no index names,
which cost space and nothing else.

Blobs may be written from several threads.  A blob that is in the index, or
was written by this run before, is not stored again.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from bkp.formats.index import IndexedPack, encode_index
from bkp.formats.pack import BlobType, header_entry_size
from bkp.ids import BlobId, blob_id
from bkp.store.base import Kind, ObjectName, Store
from bkp.workers import Pool

from .envelope import Envelope, SealedBlob
from .index import BlobIndex
from .packer import Packer, assemble

# restic's numbers: what an interrupted run has to upload again is bounded by them.
_INDEX_BLOBS = 50_000
_INDEX_SECONDS = 10 * 60

_UPLOADS = 2  # packs being hashed and stored at once, as restic's default for local disks


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a blob: its identity, and the bytes it added.

    `new_bytes` is the plaintext's size and `stored_bytes` what it takes in a
    pack with its share of the header; both are 0 if the blob was known.
    """

    id: BlobId
    new_bytes: int = 0
    stored_bytes: int = 0

    @property
    def is_new(self) -> bool:
        """Say whether this write stored the blob."""
        return self.stored_bytes > 0


class BlobWriter:
    """Stores blobs that are not there yet; a context manager.

    Leaving it normally stores what is still in memory and then the index.
    Leaving it by an exception stores no more, but the index of the packs that
    are stored already, so that the next run finds them.
    """

    def __init__(
        self,
        store: Store,
        envelope: Envelope,
        index: BlobIndex,
        *,
        pack_size: int,
        version: int,
        guard: Callable[[], None],
    ) -> None:
        self._store = store
        self._envelope = envelope
        self._index = index
        self._version = version
        self._guard = guard  # raises if our lock no longer stands
        self._packers = {kind: Packer(pack_size) for kind in BlobType}
        self._pending: set[tuple[BlobType, BlobId]] = set()
        self._unsaved: list[IndexedPack] = []
        self._unsaved_blobs = 0
        self._index_saved = time.monotonic()
        self._lock = threading.Lock()
        self._index_lock = threading.Lock()
        self._uploads = Pool(_UPLOADS, ahead=_UPLOADS)

    def write(self, kind: BlobType, plain: bytes) -> Written:
        """Store a blob unless it is known; returns before it is durable.

        Raises what the storage raised, for this blob or an earlier one.
        """
        self._uploads.raise_failure()
        name = blob_id(plain)
        with self._lock:
            if (kind, name) in self._pending or self._index.has(kind, name):
                return Written(name)
            self._pending.add((kind, name))
        blob = self._envelope.seal_blob(kind, name, plain)
        with self._lock:
            full = self._packers[kind].add(blob)
        if full is not None:
            self._upload(full)
        return Written(name, len(plain), len(blob.sealed) + header_entry_size(blob.raw_length))

    def __enter__(self) -> "BlobWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is not None:
            self._abandon()
            return
        try:
            for blob_type in (BlobType.DATA, BlobType.TREE):
                for blobs in self._packers[blob_type].finish():
                    self._upload(blobs)
                self._uploads.drain()
        except BaseException:
            self._abandon()
            raise
        self._uploads.close()
        self._save_index()

    def _abandon(self) -> None:
        try:
            self._uploads.close()
        finally:
            self._save_index()

    def _upload(self, blobs: list[SealedBlob]) -> None:
        self._uploads.submit(partial(self._store_pack, blobs))

    def _store_pack(self, blobs: list[SealedBlob]) -> None:
        pack = assemble(blobs, self._envelope)
        self._guard()
        self._store.put(ObjectName(Kind.PACK, pack.id.hex()), pack.data)
        indexed = IndexedPack(pack.id, pack.blobs)
        self._index.add(indexed)
        with self._lock:
            self._pending.difference_update((blob.type, blob.id) for blob in pack.blobs)
            self._unsaved.append(indexed)
            self._unsaved_blobs += len(pack.blobs)
            is_due = (
                self._unsaved_blobs >= _INDEX_BLOBS
                or time.monotonic() - self._index_saved >= _INDEX_SECONDS
            )
        if is_due:
            self._save_index()

    def _save_index(self) -> None:
        with self._index_lock:
            with self._lock:
                packs, self._unsaved, self._unsaved_blobs = self._unsaved, [], 0
                self._index_saved = time.monotonic()
            if not packs:
                return
            self._guard()
            sealed = self._envelope.seal_file(encode_index(packs, self._version))
            self._store.put(ObjectName(Kind.INDEX, sha256(sealed).hexdigest()), sealed)
