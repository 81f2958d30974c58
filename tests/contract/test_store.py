"""What every store promises, run against each of them."""

import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from bkp.errors import AlreadyExists, NotFound, Truncated
from bkp.store.base import CONFIG, Kind, ObjectName, Store
from bkp.store.discarding import DiscardingStore
from bkp.store.local import LocalStore
from bkp.store.memory import MemoryStore

MAKERS: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: MemoryStore(),
    "local": LocalStore.create,
}


@pytest.fixture(params=MAKERS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MAKERS[request.param](tmp_path / "store")


def named(kind: Kind, data: bytes | bytearray) -> ObjectName:
    return ObjectName(kind, sha256(data).hexdigest())


KINDS = [kind for kind in Kind if kind is not Kind.CONFIG]


@pytest.mark.parametrize("kind", KINDS)
def test_get_returns_what_was_put(store: Store, kind: Kind) -> None:
    name = named(kind, b"content")

    store.put(name, b"content")

    assert store.get(name) == b"content"


def test_the_config_is_an_object_without_an_id(store: Store) -> None:
    store.put(CONFIG, b"settings")

    assert store.get(CONFIG) == b"settings"
    assert list(store.scan(Kind.CONFIG)) == [(CONFIG, 8)]


@pytest.mark.parametrize("data", [bytearray(b"abc"), memoryview(b"abc")])
def test_any_buffer_can_be_put(store: Store, data: bytearray | memoryview) -> None:
    name = named(Kind.INDEX, b"abc")

    store.put(name, data)

    assert store.get(name) == b"abc"


def test_a_put_buffer_may_be_reused(store: Store) -> None:
    data = bytearray(b"before")
    name = named(Kind.INDEX, data)

    store.put(name, data)
    data[:] = b"after!"

    assert store.get(name) == b"before"


def test_put_refuses_to_overwrite(store: Store) -> None:
    name = named(Kind.PACK, b"first")
    store.put(name, b"first")

    with pytest.raises(AlreadyExists):
        store.put(name, b"second")

    assert store.get(name) == b"first"


@pytest.mark.parametrize("kind", KINDS)
def test_get_of_what_is_not_there_is_not_found(store: Store, kind: Kind) -> None:
    with pytest.raises(NotFound):
        store.get(named(kind, b"nothing"))


def test_a_range_is_exactly_what_was_asked_for(store: Store) -> None:
    name = named(Kind.PACK, b"0123456789")
    store.put(name, b"0123456789")

    assert store.get(name, 3, 4) == b"3456"
    assert store.get(name, 3) == b"3456789"
    assert store.get(name, 10) == b""
    assert store.get(name, 10, 0) == b""


@pytest.mark.parametrize(("start", "length"), [(0, 11), (9, 2), (10, 1), (11, 0), (11, None)])
def test_a_range_past_the_end_is_truncated_not_short(
    store: Store, start: int, length: int | None
) -> None:
    name = named(Kind.PACK, b"0123456789")
    store.put(name, b"0123456789")

    with pytest.raises(Truncated):
        store.get(name, start, length)


def test_an_empty_object_is_an_object(store: Store) -> None:
    name = named(Kind.LOCK, b"")

    store.put(name, b"")

    assert store.get(name) == b""
    assert list(store.scan(Kind.LOCK)) == [(name, 0)]


def test_scan_yields_each_object_of_the_kind_with_its_size(store: Store) -> None:
    sizes = {named(Kind.PACK, bytes([n])): n for n in range(40)}
    for name, size in sizes.items():
        store.put(name, bytes(size))
    store.put(named(Kind.INDEX, b"other"), b"other")

    assert dict(store.scan(Kind.PACK)) == sizes


def test_a_deleted_object_is_gone(store: Store) -> None:
    name = named(Kind.SNAPSHOT, b"x")
    store.put(name, b"x")

    store.delete(name)

    assert list(store.scan(Kind.SNAPSHOT)) == []
    with pytest.raises(NotFound):
        store.get(name)


def test_deleting_what_is_not_there_is_no_error(store: Store) -> None:
    store.delete(named(Kind.SNAPSHOT, b"x"))


def test_many_threads_may_put_and_get_at_once(store: Store) -> None:
    def work(worker: int) -> None:
        for n in range(20):
            data = b"%d/%d" % (worker, n) * 100
            store.put(named(Kind.PACK, data), data)
            assert store.get(named(Kind.PACK, data)) == data

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(list(store.scan(Kind.PACK))) == 80


def test_of_two_puts_of_one_name_one_wins_whole(store: Store) -> None:
    name = named(Kind.PACK, b"same")
    outcomes: list[str] = []

    def work(data: bytes) -> None:
        try:
            store.put(name, data)
            outcomes.append("stored")
        except AlreadyExists:
            outcomes.append("refused")

    threads = [threading.Thread(target=work, args=(bytes([n]) * 100_000,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["refused", "refused", "refused", "stored"]
    assert len(set(store.get(name))) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_draft_becomes_an_object_when_it_is_published(store: Store, kind: Kind) -> None:
    draft = store.begin(kind)
    piece = bytearray(b"some ")
    draft.append(piece)
    piece[:] = b"other"
    draft.append(memoryview(b"content"))
    name = named(kind, b"some content")
    assert draft.contents() == b"some content"
    assert list(store.scan(kind)) == []

    draft.publish(name)

    assert store.get(name) == b"some content"
    assert list(store.scan(kind)) == [(name, 12)]
    draft.discard()
    assert store.get(name) == b"some content"


def test_a_discarded_draft_leaves_nothing(store: Store) -> None:
    draft = store.begin(Kind.PACK)
    draft.append(b"content")

    draft.discard()
    draft.discard()

    assert list(store.scan(Kind.PACK)) == []
    assert _files(store) == 0


def test_a_draft_replaces_nothing(store: Store) -> None:
    name = named(Kind.PACK, b"first")
    store.put(name, b"first")
    draft = store.begin(Kind.PACK)
    draft.append(b"second")

    with pytest.raises(AlreadyExists):
        draft.publish(name)
    draft.discard()

    assert store.get(name) == b"first"
    assert _files(store) in {0, 1}


def test_many_drafts_are_written_at_once(store: Store) -> None:
    drafts = [store.begin(Kind.PACK) for _ in range(5)]
    for piece in range(3):
        for number, draft in enumerate(drafts):
            draft.append(b"%d/%d " % (number, piece))
    for number, draft in enumerate(drafts):
        data = b"%d/0 %d/1 %d/2 " % (number, number, number)
        draft.publish(named(Kind.PACK, data))
        assert store.get(named(Kind.PACK, data)) == data


def test_a_config_is_replaced_whole(store: Store) -> None:
    store.put(CONFIG, b"first and longer")

    store.replace(CONFIG, bytearray(b"second"))

    assert store.get(CONFIG) == b"second"
    assert list(store.scan(Kind.CONFIG)) == [(CONFIG, 6)]
    assert _files(store) in {0, 1}


def _files(store: Store) -> int:
    """Count the files of a store that is a directory."""
    return sum(path.is_file() for path in Path(store.location).rglob("*"))


def test_a_discarding_store_reads_through_and_changes_nothing(store: Store) -> None:
    kept, dropped = named(Kind.PACK, b"kept"), named(Kind.PACK, b"dropped")
    store.put(kept, b"kept")
    discarding = DiscardingStore(store)

    discarding.put(dropped, b"dropped")
    draft = discarding.begin(Kind.PACK)
    draft.append(b"draft")
    draft.publish(named(Kind.PACK, b"draft"))
    discarding.delete(kept)
    discarding.replace(kept, b"other")

    assert discarding.get(kept) == b"kept"
    assert dict(store.scan(Kind.PACK)) == {kept: 4}
