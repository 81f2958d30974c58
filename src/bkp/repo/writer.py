"""Blobs in, packs and index objects out: the one place that stores data.

The order in which things become durable is the promise of this module: packs
of data, packs of trees, index objects; whoever called stores the snapshot
after that.  A run killed at any instant leaves packs that no index names,
which cost space and nothing else.

Blobs may be written from several threads, many small ones best in one call.
A blob that is in the index, or was written by this run before, is not stored
again.
"""

import threading
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from bkp.formats.index import encode_stored
from bkp.formats.pack import BlobType
from bkp.ids import BlobId, PackId
from bkp.store.base import Draft, Kind, ObjectName, Store
from bkp.workers import Pool

from .envelope import Envelope
from .index import BlobIndex
from .packer import MOST_BLOBS, OpenPack, Packer
from .sealing import Buffer, Piece

# As restic, after so long or so many blobs (MOST_BLOBS): what an interrupted run has to upload
# again is bounded by them.
_INDEX_SECONDS = 10 * 60

# Packs being published at once, which is mostly waiting for the disk.
_UPLOADS = 2


class Written(NamedTuple):
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
        guard: Callable[[], None],
        indexed: Callable[[ObjectName], None],
    ) -> None:
        self._store = store
        self._envelope = envelope
        self._index = index
        self._guard = guard  # raises if our lock no longer stands
        self._indexed = indexed  # is told of each index object
        self._packers = {
            kind: Packer(kind, pack_size, self._begin_pack, partial(self._close_pack, kind))
            for kind in BlobType
        }
        self._pending: dict[BlobType, set[BlobId]] = {kind: set() for kind in BlobType}
        self._unsaved: list[tuple[PackId, bytes]] = []
        self._unsaved_blobs = 0
        self._index_saved = time.monotonic()
        self._lock = threading.Lock()
        self._index_lock = threading.Lock()
        self._uploads = Pool(_UPLOADS, ahead=_UPLOADS)

    def write(self, kind: BlobType, plain: bytes) -> Written:
        """Store a blob unless it is known; returns before it is durable.

        Raises what the storage raised, for this blob or an earlier one.
        """
        return self.write_each(kind, plain, [(0, len(plain))])[0]

    def name(self, plain: bytes) -> BlobId:
        """Return the identity of a blob."""
        return self._envelope.name_each(plain, [(0, len(plain))])[0]

    def write_each(self, kind: BlobType, data: Buffer, pieces: list[Piece]) -> list[Written]:
        """Store each piece of `data` as `write` does, in few steps for all of them."""
        self._uploads.raise_failure()
        names = self._envelope.name_each(data, pieces)
        fresh = self._claim(kind, names)
        written = list(map(Written, names))
        if not fresh:
            return written
        for place, hand in self._packers[kind].deal(fresh):
            sealed = self._envelope.seal_each(kind, data, [pieces[at] for at in hand])
            self._packers[kind].add(place, [names[at] for at in hand], sealed)
            for at, stored in zip(hand, sealed.stored_sizes(), strict=True):
                written[at] = Written(names[at], pieces[at][1], stored)
        return written

    def _claim(self, kind: BlobType, names: list[BlobId]) -> list[int]:
        """Return which of the names are new, which from now on they are not."""
        pending = self._pending[kind]
        fresh = []
        with self._lock:
            known = self._index.has_each(kind, b"".join(names))
            for at, name in enumerate(names):
                if not known[at] and name not in pending:
                    pending.add(name)
                    fresh.append(at)
        return fresh

    def __enter__(self) -> "BlobWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is not None:
            self._abandon()
            return
        try:
            for blob_type in (BlobType.DATA, BlobType.TREE):
                for pack in self._packers[blob_type].finish():
                    self._close_pack(blob_type, pack)
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
            for packer in self._packers.values():
                packer.discard()
            self._save_index()

    def _begin_pack(self) -> Draft:
        return self._store.begin(Kind.PACK)

    def _close_pack(self, kind: BlobType, pack: OpenPack) -> None:
        self._uploads.submit(partial(self._publish_pack, kind, pack))

    def _publish_pack(self, kind: BlobType, pack: OpenPack) -> None:
        stored = pack.publish(self._envelope, self._guard)
        self._packers[kind].published(pack)
        self._index.add_stored(stored.id, stored.header)
        names = stored.names()
        with self._lock:
            self._pending[kind].difference_update(names)
            self._unsaved.append((stored.id, stored.header))
            self._unsaved_blobs += len(names)
            is_due = (
                self._unsaved_blobs >= MOST_BLOBS
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
            sealed = self._envelope.seal_file(encode_stored(packs))
            name = ObjectName(Kind.INDEX, sha256(sealed).hexdigest())
            self._store.put(name, sealed)
            self._indexed(name)
