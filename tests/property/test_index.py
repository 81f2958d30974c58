"""The native index does what plain dicts do, whatever is added in whatever way."""

import io
from hashlib import sha256

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bkp.crypto.seal import Key
from bkp.formats.index import IndexedPack, encode_index
from bkp.formats.pack import BlobType, PackedBlob
from bkp.ids import BlobId, PackId
from bkp.repo.index import UNKNOWN_PACK, BlobIndex, FirstPlaces, Place, read_index
from bkp.repo.saved_index import read_index_file, write_index
from reference.slow_index import SlowIndex
from strategies import uint32

KINDS = st.sampled_from(BlobType)

# Ids that lie close together, at the ends, and all over.
CLOSE = st.builds(
    lambda first, last: first + bytes(30) + last,
    st.sampled_from([b"\0", b"\x7f", b"\xff"]),
    st.sampled_from([b"\0", b"\1", b"\xff"]),
)
IDS = CLOSE | st.sampled_from([b"\0" * 32, b"\xff" * 32]) | st.binary(min_size=32, max_size=32)
# Numbers on both sides of what fits into a record.
EDGES = st.sampled_from([32, 2**24 - 1, 2**24, 2**28 - 1, 2**28, 2**32 - 1])
NUMBERS = EDGES | uint32
BLOBS = st.builds(
    PackedBlob,
    KINDS,
    st.builds(BlobId, IDS),
    NUMBERS | st.just(0),
    NUMBERS.map(lambda n: max(n, 32)),
    NUMBERS | st.just(0),
)
PACKS = st.builds(IndexedPack, st.builds(PackId, IDS), st.lists(BLOBS, max_size=8))


def many(seed: int, count: int) -> list[IndexedPack]:
    """Return packs of 100 blobs, so many that parts of the table are merged."""
    packs = []
    for first in range(0, count, 100):
        pack = sha256(b"pack %d %d" % (seed, first)).digest()
        names = [sha256(b"%d %d" % (seed, first + i)).digest() for i in range(100)]
        blobs = [
            PackedBlob(BlobType(i % 7 == 0), BlobId(name), 50 * i, 50, i % 2 * 70)
            for i, name in enumerate(names)
        ]
        packs.append(IndexedPack(PackId(pack), blobs))
    return packs


class IndexMachine(RuleBasedStateMachine):
    """Add, distrust, save and look up, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.index = BlobIndex()
        self.oracle = SlowIndex()
        self.met: set[bytes] = {b"\x55" * 32}
        self.packs: list[IndexedPack] = []

    @initialize(packs=st.none() | st.lists(PACKS, max_size=4), count=st.sampled_from([0, 3000]))
    def stand_on_a_saved_index(self, packs: list[IndexedPack] | None, count: int) -> None:
        if packs is not None:
            packs = packs + many(99, count)
            self._add_to_oracle(packs)
            self.index = saved_and_loaded(index_of(packs))

    def _add_to_oracle(self, packs: list[IndexedPack]) -> None:
        self.packs += packs[:3]
        for pack in packs:
            self.oracle.add(pack)
            self.met.update(blob.id for blob in pack.blobs[:10])

    @rule(pack=PACKS)
    def add(self, pack: IndexedPack) -> None:
        self._add_to_oracle([pack])
        self.index.add(pack)

    @rule(packs=st.lists(PACKS, max_size=4))
    def take_an_index_object(self, packs: list[IndexedPack]) -> None:
        self._add_to_oracle(packs)
        self.index.take(read_index(encode_index(packs, 2)).packs)

    @rule(seed=st.integers(0, 2), count=st.sampled_from([300, 1100, 2600]), in_bulk=st.booleans())
    def add_many(self, seed: int, count: int, in_bulk: bool) -> None:
        packs = many(seed, count)
        self._add_to_oracle(packs)
        if in_bulk:
            self.index.take(read_index(encode_index(packs, 2)).packs)
            return
        for pack in packs:
            self.index.add(pack)

    @rule(data=st.data(), in_bulk=st.booleans())
    def add_again(self, data: st.DataObject, in_bulk: bool) -> None:
        again = data.draw(st.lists(st.sampled_from(self.packs), max_size=3)) if self.packs else []
        for pack in again:
            self.oracle.add(pack)
            if not in_bulk:
                self.index.add(pack)
        if in_bulk:
            self.index.take(read_index(encode_index(again, 2)).packs)

    @rule(kind=KINDS, data=st.data())
    def distrust(self, kind: BlobType, data: st.DataObject) -> None:
        name = BlobId(data.draw(st.sampled_from(sorted(self.met))))
        self.oracle.distrust(kind, name)
        self.index.distrust(kind, name)

    @rule()
    def settle(self) -> None:
        self.index.settle()

    @rule(kind=KINDS)
    def look_up(self, kind: BlobType) -> None:
        for name in self.met:
            check_one(self.index, self.oracle, kind, BlobId(name))

    @rule(kind=KINDS)
    def look_up_together(self, kind: BlobType) -> None:
        check_batch(self.index, self.oracle, kind, [BlobId(name) for name in sorted(self.met)])

    @rule(kind=KINDS, data=st.data(), length=st.integers(0, 64), most=st.integers(1, 5))
    def look_up_by_beginning(
        self, kind: BlobType, data: st.DataObject, length: int, most: int
    ) -> None:
        digits = data.draw(st.sampled_from(sorted(self.met))).hex()[:length]
        names = [name for other, name in self.oracle.names() if other is kind]
        fitting = sorted(name for name in names if name.hex().startswith(digits))

        assert self.index.beginning_with(kind, digits, most) == fitting[:most]

    @rule()
    def go_through_all(self) -> None:
        places = list(self.index.all_places())

        assert len(places) == len(set(places)) == self.index.copies()
        assert set(places) == set(self.oracle.all_places())
        assert set(self.index.packs()) == self.oracle.packs()
        for total in self.index.pack_totals():
            blobs = self.oracle.blobs_in(total.pack) if len(places) < 100 else None
            if blobs is not None:
                compressed = sum(blob.raw_length > 0 for blob in blobs)
                expected = (len(blobs), compressed, sum(blob.length for blob in blobs))
                assert total[1:] == expected

    @rule()
    def save_and_load(self) -> None:
        self.index = saved_and_loaded(self.index)

    @invariant()
    def has_as_many(self) -> None:
        assert len(self.index) == len(self.oracle)
        assert self.index.copies() == self.oracle.copies()


TestIndex = IndexMachine.TestCase
TestIndex.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)


def index_of(packs: list[IndexedPack]) -> BlobIndex:
    index = BlobIndex()
    for pack in packs:
        index.add(pack)
    return index


def check_one(index: BlobIndex, oracle: SlowIndex, kind: BlobType, name: BlobId) -> None:
    places = index.places(kind, name)
    expected = oracle.places(kind, name)
    assert len(places) == len(expected)
    assert set(places) == expected
    assert index.has(kind, name) == bool(expected)
    size = places[0].blob.plain_length if places else None
    assert index.plain_size(kind, name) == size


def check_batch(index: BlobIndex, oracle: SlowIndex, kind: BlobType, names: list[BlobId]) -> None:
    known = index.has_each(kind, b"".join(names))
    first = index.first_places(kind, b"".join(names))
    assert list(known) == [bool(oracle.places(kind, name)) for name in names]
    for i, name in enumerate(names):
        pack, offset, length, raw_length = (column[i] for column in columns(first))
        if not known[i]:
            assert (pack, offset, length, raw_length) == (UNKNOWN_PACK, 0, 0, 0)
            continue
        blob = PackedBlob(kind, name, offset, length, raw_length)
        assert Place(index.pack_id(pack), blob) == index.places(kind, name)[0]
    lie = [(first.packs[i], first.offsets[i]) for i in first.stored_order()]
    assert lie == sorted(lie)
    assert sorted(first.stored_order()) == list(range(len(names)))


def columns(first: FirstPlaces) -> tuple[memoryview, ...]:
    return first.packs, first.offsets, first.lengths, first.raw_lengths


KEY = Key.generate()


def saved_and_loaded(index: BlobIndex) -> BlobIndex:
    file = io.BytesIO()
    write_index(file, index, [b"\1" * 32], KEY)
    saved = read_index_file(bytearray(file.getvalue()), KEY)
    loaded = BlobIndex()
    loaded.attach(saved.data, saved.layout)
    return loaded
