"""Loading the index: what is read again, what is taken from this machine, what damage does."""

import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from bkp.errors import IntegrityError, NotFound
from bkp.events import Checked, Event
from bkp.formats.index import IndexedPack, encode_index
from bkp.formats.pack import BlobType, PackedBlob
from bkp.ids import BlobId, PackId, blob_id
from bkp.repo.repository import Repository, RepositoryOptions, open_repository
from bkp.store.base import Kind, ObjectName
from bkp.store.memory import MemoryStore
from packed import flip
from repos import PASSWORD, make_repo, store_blobs

MANY = 20_000  # blobs from which on an index is saved


class ReadingStore(MemoryStore):
    """Remembers which index objects were read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def get(self, name: ObjectName, start: int = 0, length: int | None = None) -> bytes:
        if name.kind is Kind.INDEX:
            self.read.append(name.id)
        return super().get(name, start, length)


@pytest.fixture
def store() -> ReadingStore:
    store = ReadingStore()
    make_repo(store)
    return store


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def opened(store: MemoryStore, cache: Path | None, events: list[Event] | None = None) -> Repository:
    events = [] if events is None else events
    options = RepositoryOptions(cache=cache)
    repo = open_repository(store, PASSWORD, options=options, report=events.append)
    repo.load_index()
    return repo


def names(seed: int, count: int) -> list[BlobId]:
    return [blob_id(b"%d %d" % (seed, n)) for n in range(count)]


def put_index(store: MemoryStore, seed: int, count: int) -> ObjectName:
    """Store an index object that says there is a pack of so many blobs."""
    blobs = [
        PackedBlob(BlobType.DATA, name, 50 * n, 50, 0) for n, name in enumerate(names(seed, count))
    ]
    pack = IndexedPack(PackId(blob_id(b"pack %d" % seed)), blobs)
    envelope = open_repository(store, PASSWORD).envelope
    sealed = envelope.seal_file(encode_index([pack], 2))
    name = ObjectName(Kind.INDEX, sha256(sealed).hexdigest())
    store.put(name, sealed)
    return name


def knows(repo: Repository, seed: int, count: int) -> bool:
    return all(repo.index.has_each(BlobType.DATA, b"".join(names(seed, count))))


def test_without_a_cache_every_object_is_read(store: ReadingStore) -> None:
    put_index(store, 0, 3)
    for _ in range(2):
        assert knows(opened(store, None), 0, 3)
    assert len(store.read) == 2


def test_what_was_saved_is_not_read_again(store: ReadingStore, cache: Path) -> None:
    put_index(store, 0, MANY)
    first = opened(store, cache)
    store.read.clear()

    second = opened(store, cache)

    assert store.read == []
    assert knows(second, 0, MANY)
    assert set(second.index.all_places()) == set(first.index.all_places())


def test_only_new_objects_are_read(store: ReadingStore, cache: Path) -> None:
    put_index(store, 0, MANY)
    opened(store, cache)
    new = put_index(store, 1, 10)
    store.read.clear()

    repo = opened(store, cache)

    assert store.read == [new.id]
    assert knows(repo, 0, MANY)
    assert knows(repo, 1, 10)
    assert len(repo.index) == MANY + 10


def test_many_new_blobs_are_saved_with_the_old_ones(store: ReadingStore, cache: Path) -> None:
    for seed in range(2):
        put_index(store, seed, MANY)
        opened(store, cache)
    store.read.clear()

    repo = opened(store, cache)

    assert store.read == []
    assert len(repo.index) == 2 * MANY


def test_nothing_is_taken_over_once_an_object_is_gone(store: ReadingStore, cache: Path) -> None:
    gone, stays = put_index(store, 0, MANY), put_index(store, 1, MANY)
    opened(store, cache)
    store.delete(gone)
    store.read.clear()

    repo = opened(store, cache)

    assert store.read == [stays.id]
    assert not knows(repo, 0, 1)
    assert len(repo.index) == MANY
    assert opened(store, cache).index.packs() == repo.index.packs()


def test_loading_again_reads_only_what_is_new(store: ReadingStore) -> None:
    put_index(store, 0, 3)
    repo = opened(store, None)
    new = put_index(store, 1, 3)
    store.read.clear()

    repo.load_index()

    assert store.read == [new.id]
    assert knows(repo, 0, 3)
    assert knows(repo, 1, 3)


def test_a_damaged_object_ends_it(store: ReadingStore, cache: Path) -> None:
    name = put_index(store, 0, 3)
    flip(store, name, 40)

    with pytest.raises(IntegrityError, match=f"{name.id}.*bkp repair index"):
        opened(store, cache)


def test_who_asks_for_damage_gets_what_is_stored_and_not_a_copy(
    store: ReadingStore, cache: Path
) -> None:
    bad, good = put_index(store, 0, MANY), put_index(store, 1, 5)
    opened(store, cache)
    flip(store, bad, 40)
    damaged: list[ObjectName] = []
    repo = open_repository(store, PASSWORD, options=RepositoryOptions(cache=cache))
    store.read.clear()

    repo.load_index(lambda name, _: damaged.append(name))

    assert sorted(store.read) == sorted([bad.id, bad.id, good.id])  # to be sure that it is damaged
    assert damaged == [bad]
    assert knows(repo, 1, 5)
    assert not knows(repo, 0, 1)


def test_a_damaged_object_is_never_part_of_what_is_saved(store: ReadingStore, cache: Path) -> None:
    bad, _ = put_index(store, 0, 3), put_index(store, 1, MANY)
    flip(store, bad, 40)
    repo = open_repository(store, PASSWORD, options=RepositoryOptions(cache=cache))
    repo.load_index(lambda *_: None)

    with pytest.raises(IntegrityError):
        opened(store, cache)


def test_what_this_run_stored_is_not_saved_as_if_it_were_indexed(
    store: ReadingStore, cache: Path
) -> None:
    put_index(store, 0, 3)
    repo = opened(store, cache)
    store_blobs(repo, b"of this run")
    put_index(store, 1, MANY)

    repo.load_index()

    assert not list(cache.glob("*/blobs"))


def test_few_blobs_are_not_worth_a_file(store: ReadingStore, cache: Path) -> None:
    assert len(opened(store, cache).index) == 0
    assert not cache.exists()


def test_progress_counts_every_object(store: ReadingStore) -> None:
    put_index(store, 0, 3)
    put_index(store, 1, 3)
    events: list[Event] = []

    opened(store, None, events)

    assert events == [Checked("index", 1, 2), Checked("index", 2, 2)]


def test_one_of_rustic_with_text_beyond_ascii_is_read(store: ReadingStore) -> None:
    envelope = open_repository(store, PASSWORD).envelope
    pack = IndexedPack(PackId(bytes(32)), [PackedBlob(BlobType.TREE, BlobId(bytes(32)), 0, 40, 9)])
    text = encode_index([pack], 2).replace(b'{"packs"', '{"wer":"\\u00e4ö","packs"'.encode())
    sealed = envelope.seal_file(text)
    store.put(ObjectName(Kind.INDEX, sha256(sealed).hexdigest()), sealed)

    index = opened(store, None).index

    assert index.plain_size(BlobType.TREE, BlobId(bytes(32))) == 9


def test_a_load_that_fails_leaves_no_threads_to_the_garbage_collector(store: ReadingStore) -> None:
    for seed in range(5):
        name = put_index(store, seed, 3)
        store.delete(name)
        store.put(name, b"damaged")
    repo = open_repository(store, PASSWORD)
    before = threading.active_count()

    with pytest.raises(IntegrityError):  # which remembers the frames it went through
        repo.load_index()

    assert threading.active_count() == before


class _Overtaken(ReadingStore):
    """In which a prune replaces an object as soon as it is to be read."""

    def __init__(self) -> None:
        super().__init__()
        self.old: ObjectName | None = None

    def get(self, name: ObjectName, start: int = 0, length: int | None = None) -> bytes:
        if name == self.old:
            self.old = None
            put_index(self, 1, 3)
            self.delete(name)
        return super().get(name, start, length)


def test_what_is_replaced_meanwhile_is_found_where_it_is_now() -> None:
    store = _Overtaken()
    make_repo(store)
    put_index(store, 0, 3)
    store.old = put_index(store, 1, 3)

    repo = opened(store, None)

    assert knows(repo, 0, 3)
    assert knows(repo, 1, 3)


def test_what_is_replaced_while_objects_are_listed_is_not_missed() -> None:
    class Overtaken(ReadingStore):
        def scan(self, kind: Kind) -> Iterator[tuple[ObjectName, int]]:
            found = list(super().scan(kind))
            if kind is Kind.INDEX and self.old in dict(found):
                put_index(self, 1, 3)
                self.delete(self.old)
                found = [(name, size) for name, size in found if name != self.old]
            return iter(found)

        old = ObjectName(Kind.INDEX, "")

    store = Overtaken()
    make_repo(store)
    store.old = put_index(store, 1, 4)

    assert knows(opened(store, None), 1, 3)


def test_an_object_that_is_listed_and_never_there_ends_it() -> None:
    class Lying(ReadingStore):
        def scan(self, kind: Kind) -> Iterator[tuple[ObjectName, int]]:
            yield from super().scan(kind)
            if kind is Kind.INDEX:
                yield ObjectName(Kind.INDEX, "00" * 32), 100

    store = Lying()
    make_repo(store)

    with pytest.raises(NotFound):
        opened(store, None)
