"""A repository: a store, its keys, its index, put together."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

from bkp.chunking import Chunker
from bkp.chunking.polynomial import random_polynomial
from bkp.crypto.kdf import Cost, calibrate
from bkp.crypto.seal import Key
from bkp.errors import (
    AccessDenied,
    AlreadyExists,
    IntegrityError,
    Malformed,
    Missing,
    StoreFull,
    UsageError,
)
from bkp.events import Notice, Reporter, ignore
from bkp.formats.compression import Level
from bkp.formats.config import Config, encode_config
from bkp.formats.pack import BlobType
from bkp.formats.tree import Node, decode_tree
from bkp.ids import BlobId, PackId
from bkp.store.base import CONFIG, Kind, ObjectName, Store

from .cachedir import CacheDirectory
from .configs import fetch_config, open_config
from .cutting import chunker_for
from .envelope import Envelope
from .index import UNKNOWN_PACK, BlobIndex
from .index_cache import IndexCache
from .index_loading import IndexLoader
from .keyring import KeySlot, add_key, key_ids, list_keys, open_master_key, remove_key
from .locking import Lock, LockOptions, remove_locks
from .marks import Mark
from .metdamage import MetDamage
from .packer import DEFAULT_PACK_SIZE
from .ranges import plain_length
from .reader import BlobReader, Consumer
from .snapshots import Snapshots
from .wholeobjects import read_whole
from .writer import BlobWriter

_TREES_TOGETHER = 256 << 10  # bytes of trees that are read before they are asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryOptions:
    """How a repository is written, and where this machine may keep what it knows of it.

    Without `extra_verify` what was sealed is not opened again to see that it
    opens: faster, and a machine that makes mistakes is not found out.

    `cache` is the user's directory for that: copies of indexes, which name all
    blobs in the clear, and when packs were verified.  Without one every run
    reads all index objects, and no check knows of those before it.
    """

    compression: Level = Level.AUTO
    pack_size: int = DEFAULT_PACK_SIZE  # bytes
    extra_verify: bool = True
    no_lock: bool = False  # read without; writing is then refused
    retry_lock: float = 0  # seconds to wait for the locks of others to go
    cache: Path | None = None


class Repository:
    """An unlocked repository.

    Made by `open_repository` and `init_repository`.  Reading blobs needs
    `load_index` first; writing needs a lock as well.
    """

    def __init__(
        self,
        store: Store,
        key: Key,
        key_id: str,
        config: Config,
        options: RepositoryOptions,
        report: Reporter,
    ) -> None:
        self.store = store
        self.key = key
        self.key_id = key_id
        self.config = config
        self.envelope = Envelope(
            key, config.version, options.compression, verify=options.extra_verify
        )
        self.index = BlobIndex()
        self.marked = BlobIndex()  # of packs that wait to be deleted: to be read, not relied on
        self.snapshots = Snapshots(store, self.envelope, report)
        self.met_damage = MetDamage(report)
        self._reader = BlobReader(
            store, self.envelope, self.index, self.marked, self.met_damage.tell_pack
        )
        self._options = options
        self.report = report  # what is met on the way is told to it
        self.cache = CacheDirectory(options.cache, config.id) if options.cache else None
        saved = IndexCache(self.cache, key, report) if self.cache else None
        self._index_loader = IndexLoader(self.index, self.marked, self._read_file, saved, report)

    @property
    def location(self) -> str:
        """Where the repository is, without credentials."""
        return self.store.location

    @property
    def pack_size(self) -> int:
        """The bytes of blobs at which a pack is closed."""
        return self._options.pack_size

    def chunker(self) -> Chunker:
        """Return the chunker by which files of this repository are cut."""
        return chunker_for(self.config, self.key)

    def lock(
        self, *, exclusive: bool = False, eager: bool = False, do_without_room: bool = False
    ) -> Lock:
        """Return a lock, to be entered; see Lock.

        Raises UsageError if the repository was opened to do without.
        """
        if self._options.no_lock:
            raise UsageError("--no-lock is only for commands that do not write")
        options = LockOptions(
            exclusive=exclusive,
            eager=eager,
            retry_seconds=self._options.retry_lock,
            do_without_room=do_without_room,
        )
        return Lock(self.store, self.envelope, options, self.report)

    @contextmanager
    def reading(self, *, eager: bool = True) -> Iterator[None]:
        """Hold a shared lock while the repository is read, unless it is to do without.

        One that cannot be written, or is full, is read without: on the day
        the backups are needed that must not stand in the way.

        It does not wait for the locks of others to show, as it must who would
        take for damage what somebody else just removes: all that is read is
        verified, and an error is one that somebody's lock explains if it does.
        """
        with ExitStack() as stack:
            lock = None
            try:
                if not self._options.no_lock:
                    lock = stack.enter_context(self.lock(eager=eager))
            except (AccessDenied, StoreFull) as error:
                self.report(Notice(f"reading without a lock: {error}"))
            try:
                yield
            except IntegrityError:
                if lock is not None:
                    lock.ensure()
                raise

    def remove_locks(self, *, even_live: bool = False) -> int:
        """Remove locks whose holders are gone, or all of them; return how many."""
        return remove_locks(self.store, self.envelope, self.report, even_live=even_live)

    def key_ids(self) -> list[str]:
        """Return the ids of all keys, also of damaged ones."""
        return key_ids(self.store)

    def key_slots(self) -> list[KeySlot]:
        """Return the keys of the repository; those that cannot be read are reported."""
        return list(list_keys(self.store, self.met_damage.tell_key))

    def add_key(self, password: str, *, user: str = "", host: str = "") -> str:
        """Store a further key, calibrated for this machine; return its id."""
        return add_key(self.store, self.key, password, calibrate(), user=user, host=host)

    def remove_key(self, key_id: str) -> None:
        """Remove a key; raises UsageError for the one in use."""
        remove_key(self.store, key_id, in_use=self.key_id)

    def load_index(
        self, on_damage: Callable[[ObjectName, IntegrityError], None] | None = None
    ) -> None:
        """Read all index objects that were not read yet.

        Raises IntegrityError if one is damaged: a snapshot would store again
        what is there, and a restore would miss what it names.  With
        `on_damage` that is called instead, and all of them are read, whatever
        is cached.
        """
        self._index_loader.load(
            lambda: (name for name, _ in self.store.scan(Kind.INDEX)), on_damage
        )

    def load_intact_index(self) -> None:
        """Read what can be read of the index, to bring back what it names.

        Each damaged object is reported as a Problem: what no other names
        cannot be found.  Never to be followed by writing, see `load_index`.
        """
        try:
            self.load_index()
        except IntegrityError:
            self.load_index(self.met_damage.tell_index)

    def marks(self) -> dict[PackId, Mark]:
        """Return the packs that are marked to be deleted, as the index was loaded."""
        return self._index_loader.marks()

    def _read_file(self, name: ObjectName) -> bytes:
        return self.envelope.open_file(self.load_object(name))

    def load_object(self, name: ObjectName) -> bytes:
        """Return an object as stored, verified against its name.

        Raises Inauthentic if its SHA-256 is not its name, NotFound if there
        is none.
        """
        return self.store.get(name) if name == CONFIG else read_whole(self.store, name)

    def load_tree(self, name: BlobId) -> list[Node]:
        """Return the nodes of a tree; raises Missing, Inauthentic or Malformed."""
        try:
            return decode_tree(self._reader.read(BlobType.TREE, name))
        except Malformed as error:
            raise Malformed(f"tree {name.hex()}: {error}") from error

    def load_trees(self, names: Sequence[BlobId]) -> dict[BlobId, list[Node]]:
        """Return the nodes of the first of these trees, as many as take little memory.

        Those that cannot be had are left out: `load_tree` says why.
        """
        trees: dict[BlobId, list[Node]] = {}
        for name, data in self.read_few_trees(names).items():
            with suppress(IntegrityError):
                trees[name] = decode_tree(data)
        return trees

    def read_few_trees(self, names: Sequence[BlobId]) -> dict[BlobId, bytes]:
        """Return the first of these trees as stored, as `load_trees` does."""
        trees: dict[BlobId, bytes] = {}

        def take(names: list[BlobId], data: memoryview, pieces: list[tuple[int, int]]) -> None:
            for name, (offset, length) in zip(names, pieces, strict=True):
                trees[name] = bytes(data[offset : offset + length])

        self.read_trees(self._few(names), take)
        return trees

    def _few(self, names: Sequence[BlobId]) -> Sequence[BlobId]:
        places = self.index.first_places(BlobType.TREE, b"".join(names))
        sizes = map(plain_length, places.lengths, places.raw_lengths)
        fitting = sum(1 for total in accumulate(sizes) if total <= _TREES_TOGETHER)
        return names[: max(1, fitting)]

    def read_blob(self, kind: BlobType, name: BlobId) -> bytes:
        """Return a blob; raises Missing, Inauthentic or Malformed."""
        return self._reader.read(kind, name)

    def read_blobs(
        self, names: Iterable[BlobId], consume: Consumer
    ) -> dict[BlobId, IntegrityError]:
        """Read data blobs in the order they are stored; see BlobReader.read_each."""
        return self._reader.read_each(BlobType.DATA, names, consume)

    def data_sizes(self, names: Sequence[BlobId]) -> list[int | None]:
        """Return the plaintext size in bytes of each data blob, None for what is in no index."""
        places = self.index.first_places(BlobType.DATA, b"".join(names))
        columns = zip(names, places.packs, places.lengths, places.raw_lengths, strict=True)
        return [
            self.marked.plain_size(BlobType.DATA, name)
            if pack == UNKNOWN_PACK
            else plain_length(length, raw_length)
            for name, pack, length, raw_length in columns
        ]

    def read_trees(
        self, names: Iterable[BlobId], consume: Consumer
    ) -> dict[BlobId, IntegrityError]:
        """Read trees, as bytes, in the order they are stored; see BlobReader.read_each."""
        return self._reader.read_each(BlobType.TREE, names, consume)

    def plain_size(self, kind: BlobType, name: BlobId) -> int | None:
        """Return the size in bytes of a blob's plaintext, None if it is in no index."""
        size = self.index.plain_size(kind, name)
        return self.marked.plain_size(kind, name) if size is None else size

    def data_size(self, name: BlobId) -> int:
        """Return the plaintext size in bytes of a data blob; raises Missing."""
        size = self.plain_size(BlobType.DATA, name)
        if size is None:
            raise Missing(f"data blob {name.hex()} is in no index")
        return size

    def blob_writer(self, lock: Lock, *, known: BlobIndex | None = None) -> BlobWriter:
        """Return a writer of blobs, to be entered, which works as long as `lock` stands.

        It stores what is not in the index, or in the one that is `known`.
        """
        return BlobWriter(
            self.store,
            self.envelope,
            self.index if known is None else known,
            pack_size=self._options.pack_size,
            guard=lock.ensure,
            indexed=self._index_loader.know if known is None else _ignore,
        )


def _ignore(_: ObjectName) -> None:
    pass


def open_repository(
    store: Store,
    password: str,
    *,
    options: RepositoryOptions | None = None,
    key_hint: str = "",
    report: Reporter = ignore,
) -> Repository:
    """Unlock the repository in a store.

    Raises NoRepository if there is none, WrongPassword if the password opens
    no key, UnsupportedFormat for what this version cannot work with, and
    IntegrityError if config or keys are damaged.
    """
    sealed = fetch_config(store)
    opened = open_master_key(store, password, sealed, key_hint)
    config = open_config(sealed, opened.key, store.location)
    return Repository(store, opened.key, opened.id, config, options or RepositoryOptions(), report)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRepository:
    """What a new repository is to be like."""

    version: int = 2
    chunker: str = "rabin"  # or "fastcdc", which only bkp can extend without storing twice
    cut_like: Config | None = None  # take polynomial and sizes from another repository
    kdf_cost: Cost | None = None  # None: measured to take this machine half a second


def init_repository(
    store: Store,
    password: str,
    new: NewRepository | None = None,
    *,
    options: RepositoryOptions | None = None,
    report: Reporter = ignore,
) -> Repository:
    """Make a repository in an empty store and return it unlocked.

    The key is stored first and the config last: a crash between leaves no
    repository rather than one that cannot be opened.  Raises AlreadyExists
    if the store holds a repository or parts of one.
    """
    new = new or NewRepository()
    for kind in (Kind.CONFIG, Kind.KEY, Kind.SNAPSHOT):
        if any(True for _ in store.scan(kind)):
            raise AlreadyExists(f"{store.location} holds a repository already")
    config = _new_config(new)
    key = Key.generate()
    chunker_for(config, key)  # raises for what could not be used afterwards
    key_id = add_key(store, key, password, new.kdf_cost or calibrate())
    options = options or RepositoryOptions()
    repository = Repository(store, key, key_id, config, options, report)
    store.put(CONFIG, repository.envelope.seal_raw(encode_config(config)))
    return repository


def _new_config(new: NewRepository) -> Config:
    own = Config(
        version=new.version,
        id=os.urandom(32).hex(),
        chunker_polynomial=random_polynomial(),
        bkp_chunker="" if new.chunker == "rabin" else new.chunker,
    )
    like = new.cut_like
    if like is None:
        return own
    if own.bkp_chunker or like.bkp_chunker:
        raise UsageError("FastCDC cuts by the repository's own key, which cannot be taken over")
    return replace(like, version=own.version, id=own.id)
