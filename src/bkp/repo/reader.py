"""Blobs back from packs, verified: one by one, or many in few large reads."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from bkp.errors import BkpError, IntegrityError, Missing, NotFound, Unavailable
from bkp.formats.pack import BlobType, PackedBlob
from bkp.ids import BlobId, PackId
from bkp.store.base import Kind, ObjectName, Store
from bkp.workers import Pool

from .envelope import Envelope
from .index import BlobIndex, Place

# Reading over a gap costs less than a second request, on disks and far more so remotely.
_JOINED_GAP = 128 << 10
_MAX_RANGE = 32 << 20  # bytes in one read, so memory is bounded by this times the threads
_THREADS = os.cpu_count() or 2

# Mean size of blobs from which on threads gain.  Below it they fight for the GIL: restoring
# 66 000 small files took 19.6 s with four threads and 13.4 s with one.
_WORTH_A_THREAD = 256 << 10

# Damage, a lost pack, a sector that cannot be read.
_WORTH_ANOTHER_COPY = (IntegrityError, NotFound, Unavailable)

Consumer = Callable[[BlobId, bytes], None]


class BlobReader:
    """Reads the blobs of one repository; shareable between threads."""

    def __init__(self, store: Store, envelope: Envelope, index: BlobIndex) -> None:
        self._store = store
        self._envelope = envelope
        self._index = index

    def read(self, kind: BlobType, name: BlobId) -> bytes:
        """Return a blob, from whichever of its copies is intact.

        Raises Missing if it is in no index, and what its last copy raised if
        none is intact.
        """
        failure: BkpError = Missing(f"{kind.name.lower()} blob {name.hex()} is in no index")
        for place in self._index.places(kind, name):
            try:
                return self._open(place.blob, self._fetch(place))
            except _WORTH_ANOTHER_COPY as error:
                failure = _located(place, error)
        raise failure

    def read_each(
        self, kind: BlobType, names: Iterable[BlobId], consume: Consumer
    ) -> dict[BlobId, IntegrityError]:
        """Call `consume` once for each blob, in the order they lie in packs.

        It may be called from several threads at once.  What cannot be read (missing,
        damaged in every copy) is returned with its error; a failure of the
        storage itself, or of `consume`, is raised.
        """
        failures: dict[BlobId, IntegrityError] = {}
        by_pack: defaultdict[PackId, list[PackedBlob]] = defaultdict(list)
        for name in dict.fromkeys(names):
            places = self._index.places(kind, name)
            if places:
                by_pack[places[0].pack].append(places[0].blob)
            else:
                failures[name] = Missing(f"data blob {name.hex()} is in no index")
        with Pool(_THREADS, ahead=_THREADS) as pool:
            for pack, blobs in by_pack.items():
                for joined in _join(blobs):
                    read = partial(self._read_range, pack, joined, consume, failures)
                    if _is_worth_a_thread(joined):
                        pool.submit(read)
                    else:
                        read()
        return failures

    def _read_range(
        self,
        pack: PackId,
        blobs: list[PackedBlob],
        consume: Consumer,
        failures: dict[BlobId, IntegrityError],
    ) -> None:
        start = blobs[0].offset
        try:
            data = memoryview(
                self._store.get(_object(pack), start, blobs[-1].offset + blobs[-1].length - start)
            )
        except _WORTH_ANOTHER_COPY:
            data = None  # each blob alone may still be there, here or elsewhere
        for blob in blobs:
            try:
                plain = self._pick(blob, data, start)
            except IntegrityError as error:
                failures[blob.id] = error
                continue
            consume(blob.id, plain)

    def _pick(self, blob: PackedBlob, data: memoryview | None, start: int) -> bytes:
        if data is not None:
            offset = blob.offset - start
            try:
                return self._open(blob, data[offset : offset + blob.length])
            except IntegrityError:
                pass
        return self.read(blob.type, blob.id)

    def _fetch(self, place: Place) -> bytes:
        return self._store.get(_object(place.pack), place.blob.offset, place.blob.length)

    def _open(self, blob: PackedBlob, sealed: bytes | memoryview) -> bytes:
        return self._envelope.open_blob(blob, sealed)


def _is_worth_a_thread(blobs: list[PackedBlob]) -> bool:
    return sum(blob.length for blob in blobs) >= _WORTH_A_THREAD * len(blobs)


def _object(pack: PackId) -> ObjectName:
    return ObjectName(Kind.PACK, pack.hex())


def _located(place: Place, error: BkpError) -> BkpError:
    """Say which blob and pack an error is about; a lost pack is damage to who needs it."""
    kind = Missing if isinstance(error, NotFound) else type(error)
    blob = f"{place.blob.type.name.lower()} blob {place.blob.id.hex()}"
    return kind(f"{blob} in pack {place.pack.hex()}: {error}")


def _join(blobs: list[PackedBlob]) -> Iterator[list[PackedBlob]]:
    """Group blobs of one pack into ranges worth reading in one piece."""
    blobs.sort(key=lambda blob: blob.offset)
    group: list[PackedBlob] = []
    for blob in blobs:
        if group and (
            blob.offset - (group[-1].offset + group[-1].length) > _JOINED_GAP
            or blob.offset + blob.length - group[0].offset > _MAX_RANGE
        ):
            yield group
            group = []
        group.append(blob)
    if group:
        yield group
