"""Blobs back from packs, verified: one by one, or many in few large reads."""

import os
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain

from bkp.errors import BkpError, IntegrityError, Missing, NotFound, OutOfReach, StoreError
from bkp.formats.pack import BlobType
from bkp.ids import BlobId, PackId
from bkp.store.base import CONFIG, Kind, ObjectName, Store
from bkp.workers import Pool

from .envelope import Envelope
from .index import BlobIndex, Place
from .ranges import MAX_STORED, MAX_TOGETHER, Range, Rooms, plan_ranges

# Each has room for a range as stored and one opened.
_THREADS = min(os.cpu_count() or 2, 8)

# Damage, a lost pack, a sector that cannot be read, a file that somebody locked away.
_WORTH_ANOTHER_COPY = (IntegrityError, StoreError)

Piece = tuple[int, int]  # offset and length in bytes
Consumer = Callable[[list[BlobId], memoryview, list[Piece]], None]
_Submit = Callable[[Callable[[], None]], None]


class BlobReader:
    """Reads the blobs of one repository; shareable between threads.

    `on_damage` is told of each pack, every time, in which a copy could not be
    read when another could.
    """

    def __init__(
        self,
        store: Store,
        envelope: Envelope,
        index: BlobIndex,
        marked: BlobIndex,
        on_damage: Callable[[PackId], None],
    ) -> None:
        self._store = store
        self._envelope = envelope
        self._index = index
        self._marked = marked  # where else a blob may be
        self._on_damage = on_damage

    def read(self, kind: BlobType, name: BlobId) -> bytes:
        """Return a blob, from whichever of its copies is intact.

        Raises Missing if it is in no index or its packs are gone, OutOfReach
        if one of them cannot be read now, another IntegrityError if no copy is
        intact, and StoreError if the whole storage is gone.
        """
        failure: BkpError = Missing(f"{kind.name.lower()} blob {name.hex()} is in no index")
        damaged = []
        for place in chain(self._index.places(kind, name), self._marked.places(kind, name)):
            try:
                plain = self._envelope.open_blob(place.blob, self._fetch(place))
            except _WORTH_ANOTHER_COPY as error:
                self._raise_if_gone(error)
                if not isinstance(failure, OutOfReach):
                    failure = _located(place, error)
                damaged.append(place.pack)
            else:
                for pack in damaged:
                    self._on_damage(pack)
                return plain
        raise failure

    def read_each(
        self, kind: BlobType, names: Iterable[BlobId], consume: Consumer
    ) -> dict[BlobId, IntegrityError]:
        """Hand every blob to `consume` once, many at a time, in the order they lie in packs.

        It is given names, data, and where in the data each plaintext is; the
        data may be used only until it returns.  It may be called from several
        threads at once.  What cannot be read (missing, damaged in every copy)
        is returned with its error; a failure of the whole storage, or of
        `consume`, is raised.
        """
        wanted = list(dict.fromkeys(names))
        places = self._index.first_places(kind, b"".join(wanted))
        run = _Reading(self, kind, consume)
        planned = plan_ranges(wanted, places)
        if sum(places.lengths) <= MAX_STORED:  # not worth starting threads
            for found in planned:
                self._take(run, found, _at_once)
        else:
            with Pool(_THREADS, ahead=_THREADS) as pool:
                for found in planned:
                    self._take(run, found, pool.submit)
        return run.failures

    def _take(self, run: "_Reading", found: Range | BlobId, submit: _Submit) -> None:
        if isinstance(found, Range):
            submit(partial(run.read_range, self._index.pack_id(found.pack), found))
        else:
            run.miss(found)

    def fetch_range(self, pack: PackId, wanted: Range) -> bytes | None:
        """Return a range as stored; None if it cannot be read, although the store is there."""
        try:
            return self._store.get(_object(pack), wanted.start, wanted.end - wanted.start)
        except _WORTH_ANOTHER_COPY as error:
            self._raise_if_gone(error)
            return None

    def open_range(self, wanted: Range, stored: bytes, plain: memoryview) -> bytes:
        """Open a range into `plain`; return 1 for each blob that is sound, 0 for others."""
        return self._envelope.open_each(
            stored, wanted.pieces, wanted.raw_lengths, b"".join(wanted.names), plain
        )

    def _fetch(self, place: Place) -> bytes:
        return self._store.get(_object(place.pack), place.blob.offset, place.blob.length)

    def _raise_if_gone(self, error: BkpError) -> None:
        """Raise what the storage said if not even the config can be read any more.

        One pack that cannot be read is damage to what is in it.  A disk that
        was unplugged is not: it is the storage that failed.
        """
        if not isinstance(error, StoreError):
            return
        try:
            self._store.get(CONFIG)
        except StoreError:
            raise error from None


class _Reading:
    """One `read_each`: room that is used again, and what failed."""

    def __init__(self, reader: BlobReader, kind: BlobType, consume: Consumer) -> None:
        self._reader = reader
        self._kind = kind
        self._consume = consume
        self._rooms = Rooms()
        self.failures: dict[BlobId, IntegrityError] = {}

    def miss(self, name: BlobId) -> None:
        """Read a blob that is nowhere, unless it is in a pack that is marked to be deleted."""
        self._read_singly([name])

    def read_range(self, pack: PackId, wanted: Range) -> None:
        """Read, open and hand over a range."""
        if wanted.plain_size > MAX_TOGETHER:
            stored = None
        else:
            stored = self._reader.fetch_range(pack, wanted)
        if stored is None:
            self._read_singly(wanted.names)
            return
        plain = self._rooms.take(wanted.plain_size)
        verdicts = self._reader.open_range(wanted, stored, plain)
        del stored
        names, pieces = wanted.names, wanted.plain_pieces()
        if 0 in verdicts:
            self._read_singly(
                [name for name, sound in zip(names, verdicts, strict=True) if not sound]
            )
            names = [name for name, sound in zip(names, verdicts, strict=True) if sound]
            pieces = [piece for piece, sound in zip(pieces, verdicts, strict=True) if sound]
        if names:
            self._consume(names, plain, pieces)
        self._rooms.give_back(plain)

    def _read_singly(self, names: list[BlobId]) -> None:
        """Read blobs alone: they may still be intact, there or elsewhere, or too large."""
        for name in names:
            try:
                plain = self._reader.read(self._kind, name)
            except IntegrityError as error:
                self.failures[name] = error
                continue
            self._consume([name], memoryview(plain), [(0, len(plain))])


def _at_once(work: Callable[[], None]) -> None:
    work()


def _object(pack: PackId) -> ObjectName:
    return ObjectName(Kind.PACK, pack.hex())


def _located(place: Place, error: BkpError) -> BkpError:
    """Say which blob and pack an error is about; a pack out of reach is damage to who needs it."""
    kind = type(error)
    if isinstance(error, StoreError):
        kind = Missing if isinstance(error, NotFound) else OutOfReach
    blob = f"{place.blob.type.name.lower()} blob {place.blob.id.hex()}"
    return kind(f"{blob} in pack {place.pack.hex()}: {error}")
