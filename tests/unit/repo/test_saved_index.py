"""The saved index: whatever is not exactly what we saved is built anew."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bkp.crypto.seal import Key
from bkp.errors import IntegrityError, Malformed
from bkp.events import Event, Notice
from bkp.formats.index import IndexedPack
from bkp.formats.pack import BlobType, PackedBlob
from bkp.ids import BlobId, PackId, blob_id
from bkp.repo.cachedir import CacheDirectory
from bkp.repo.index import BlobIndex, SavedLayout
from bkp.repo.index_cache import IndexCache
from bkp.repo.saved_index import read_index_file, write_index

KEY = Key.generate()
OBJECTS = frozenset({b"\1" * 32, b"\2" * 32})
NAMES = [blob_id(b"%d" % n) for n in range(20)]


def example_index() -> BlobIndex:
    index = BlobIndex()
    for n, name in enumerate(NAMES):
        length = 2**24 if n == 7 else 40 + n
        blob = PackedBlob(BlobType(n % 2), name, 100 * n, length, 0)
        index.add(IndexedPack(PackId(blob_id(b"pack %d" % (n % 3))), [blob]))
    return index


def saved(key: Key = KEY) -> bytes:
    file = io.BytesIO()
    write_index(file, example_index(), OBJECTS, key)
    return file.getvalue()


SAVED = saved()


def test_it_comes_back_with_the_objects_it_was_made_of() -> None:
    read = read_index_file(bytearray(SAVED), KEY)
    index = BlobIndex()
    index.attach(read.data, read.layout)

    assert read.objects == OBJECTS
    assert set(index.all_places()) == set(example_index().all_places())
    assert len(index) == len(NAMES)


def test_an_empty_index_can_be_saved() -> None:
    file = io.BytesIO()
    write_index(file, BlobIndex(), [], KEY)
    read = read_index_file(bytearray(file.getvalue()), KEY)
    index = BlobIndex()
    index.attach(read.data, read.layout)

    assert len(index) == 0
    assert not index.has(BlobType.DATA, NAMES[0])


def test_every_byte_counts() -> None:
    for at in range(len(SAVED)):
        changed = bytearray(SAVED)
        changed[at] ^= 1
        with pytest.raises(IntegrityError):
            read_index_file(changed, KEY)


@given(st.integers(0, len(SAVED) - 1))
def test_cut_short_it_is_refused(size: int) -> None:
    with pytest.raises(IntegrityError):
        read_index_file(bytearray(SAVED[:size]), KEY)


def test_with_bytes_behind_it_is_refused() -> None:
    with pytest.raises(Malformed):
        read_index_file(bytearray(SAVED + b"\0"), KEY)


def test_that_of_another_repository_is_refused() -> None:
    with pytest.raises(IntegrityError):
        read_index_file(bytearray(saved(Key.generate())), KEY)


@given(st.data())
def test_what_changes_after_it_was_verified_cannot_crash(data: st.DataObject) -> None:
    mapped = bytearray(SAVED)
    read = read_index_file(mapped, KEY)
    index = BlobIndex()
    index.attach(read.data, read.layout)
    for at in data.draw(st.lists(st.integers(0, len(SAVED) - 1), max_size=200)):
        mapped[at] = data.draw(st.integers(0, 255))

    use_in_every_way(index)


_places = st.tuples(st.integers(0, 500), st.integers(0, 12))
_anything = st.binary(min_size=400, max_size=900) | st.just(SAVED) | st.just(SAVED[::-1])


@given(_anything, st.builds(SavedLayout, _places, _places, _places, _places))
def test_nor_can_parts_that_are_where_they_should_not_be(data: bytes, layout: SavedLayout) -> None:
    index = BlobIndex()
    try:
        index.attach(bytearray(data), layout)
    except (ValueError, OverflowError):
        return

    use_in_every_way(index)


def test_going_through_what_is_not_sorted_any_more_has_an_end() -> None:
    mapped = bytearray(SAVED)
    read = read_index_file(mapped, KEY)
    index = BlobIndex()
    index.attach(read.data, read.layout)
    start, count = read.layout.data
    records = [mapped[start + 45 * n :][:45] for n in range(count)]
    mapped[start : start + 45 * count] = b"".join(reversed(records))

    blobs = {place.blob.id for place in index.all_places()}

    assert blobs <= set(NAMES)


def use_in_every_way(index: BlobIndex) -> None:
    for kind in BlobType:
        index.has_each(kind, b"".join(NAMES))
        places = index.first_places(kind, b"".join(NAMES))
        places.stored_order()
        for name in NAMES:
            index.places(kind, name)
            index.plain_size(kind, name)
    index.add(IndexedPack(PackId(NAMES[0]), [PackedBlob(BlobType.DATA, NAMES[1], 5, 40, 0)]))
    index.distrust(BlobType.DATA, NAMES[2])
    list(index.all_places())
    list(index.pack_totals())
    len(index)


def test_a_blob_distrusted_is_still_in_the_file(tmp_path: Path) -> None:
    cache = IndexCache(CacheDirectory(tmp_path / "cache", "repo"), KEY, lambda _: None)
    cache.save(example_index(), OBJECTS)
    for _ in range(2):
        read = cache.load()
        assert read is not None
        index = BlobIndex()
        index.attach(read.data, read.layout)
        assert index.has(BlobType.DATA, NAMES[0])
        index.distrust(BlobType.DATA, NAMES[0])
        assert not index.has(BlobType.DATA, NAMES[0])
        assert len(index) == len(NAMES) - 1


def test_an_index_in_use_stands_on_nothing_more() -> None:
    read = read_index_file(bytearray(SAVED), KEY)
    index = example_index()

    with pytest.raises(OverflowError):
        index.attach(read.data, read.layout)
    assert set(index.all_places()) == set(example_index().all_places())


def test_a_layout_beyond_the_end_is_refused() -> None:
    read = read_index_file(bytearray(SAVED), KEY)
    for layout in (
        read.layout._replace(data=(len(SAVED) + 1, 0)),
        read.layout._replace(data=(88, 2**63)),
        read.layout._replace(packs=(88, len(SAVED) // 32)),
    ):
        with pytest.raises(ValueError, match="beyond the end"):
            BlobIndex().attach(bytearray(SAVED), layout)


# The file


@pytest.fixture
def cache_in(tmp_path: Path) -> Callable[..., tuple[IndexCache, list[Event]]]:
    def make(directory: str = "cache") -> tuple[IndexCache, list[Event]]:
        events: list[Event] = []
        kept = CacheDirectory(tmp_path / directory, "repo")
        return IndexCache(kept, KEY, events.append), events

    return make


def test_nothing_saved_is_nothing_to_report(
    cache_in: Callable[..., tuple[IndexCache, list[Event]]],
) -> None:
    cache, events = cache_in()

    assert cache.load() is None
    assert events == []


@pytest.mark.parametrize("what", ["link", "directory", "fifo", "empty", "text"])
def test_what_is_no_saved_index_is_replaced_or_reported(
    tmp_path: Path, what: str, cache_in: Callable[..., tuple[IndexCache, list[Event]]]
) -> None:
    cache, events = cache_in()
    cache.save(example_index(), OBJECTS)
    path = tmp_path / "cache" / "repo" / "blobs"
    path.rename(tmp_path / "elsewhere")
    if what == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif what == "directory":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    else:
        path.write_bytes({"empty": b"", "text": b"hello " * 99}[what])

    assert cache.load() is None
    assert len(events) == 1
    cache.save(example_index(), OBJECTS)
    assert (cache.load() is not None) == (what != "directory")


def test_where_nothing_can_be_written_that_is_reported(
    tmp_path: Path, cache_in: Callable[..., tuple[IndexCache, list[Event]]]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache, events = cache_in("file/cache")

    cache.save(example_index(), OBJECTS)

    assert [type(event) for event in events] == [Notice]


def test_one_that_is_mapped_stays_what_it_is_when_another_is_saved(
    cache_in: Callable[..., tuple[IndexCache, list[Event]]],
) -> None:
    cache, _ = cache_in()
    cache.save(example_index(), OBJECTS)
    read = cache.load()
    assert read is not None
    index = BlobIndex()
    index.attach(read.data, read.layout)

    cache.save(BlobIndex(), [])

    assert set(index.all_places()) == set(example_index().all_places())
    assert index.has(BlobType.DATA, BlobId(NAMES[0]))
