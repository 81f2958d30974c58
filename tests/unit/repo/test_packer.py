"""What goes into packs comes out of them, and what is said of them is true."""

import os
from hashlib import sha256
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bkp.crypto.seal import Key
from bkp.errors import IntegrityError, StoreFull
from bkp.formats.compression import Level
from bkp.formats.headers import header_entries, header_ids, pack_json
from bkp.formats.index import IndexedPack, encode_index, encode_stored
from bkp.formats.pack import BlobType, PackedBlob, decode_header, encode_header, locate_header
from bkp.ids import BlobId, PackId, blob_id
from bkp.repo import packer
from bkp.repo.envelope import Envelope
from bkp.repo.index import BlobIndex
from bkp.repo.packer import OpenPack, Packer, Stored
from bkp.store.base import Buffer, Draft, Kind, ObjectName
from bkp.store.memory import MemoryStore
from strategies import pack_contents

ENVELOPE = Envelope(Key.generate(), 2, Level.AUTO)
TARGET = 64 << 10


class Packs:
    """A packer of small packs and what it made."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.closed: list[OpenPack] = []
        self.packer = Packer(BlobType.DATA, TARGET, self.begin, self.closed.append)

    def begin(self) -> Draft:
        return self.store.begin(Kind.PACK)

    def add(self, blobs: list[bytes]) -> None:
        names = [blob_id(blob) for blob in blobs]
        pieces = [
            (end - len(blob), len(blob))
            for blob, end in zip(blobs, accumulate(map(len, blobs)), strict=True)
        ]
        for place, hand in self.packer.deal(list(range(len(blobs)))):
            chosen = [pieces[at] for at in hand]
            sealed = ENVELOPE.seal_each(BlobType.DATA, b"".join(blobs), chosen)
            self.packer.add(place, [names[at] for at in hand], sealed)

    def publish(self) -> list[Stored]:
        self.closed += self.packer.finish()
        assert self.packer.finish() == []
        return [pack.publish(ENVELOPE, lambda: None) for pack in self.closed]

    def data(self, pack: Stored) -> bytes:
        return self.store.get(ObjectName(Kind.PACK, pack.id.hex()))


def pack_all(blobs: list[bytes], at_once: int) -> tuple[Packs, list[Stored]]:
    """Pack blobs in batches."""
    packs = Packs()
    for begin in range(0, len(blobs), at_once):
        packs.add(blobs[begin : begin + at_once])
    return packs, packs.publish()


@given(st.lists(st.integers(0, 90_000), max_size=60), st.integers(1, 20))
def test_packing_loses_and_repeats_nothing(sizes: list[int], at_once: int) -> None:
    blobs = [os.urandom(size) for size in sizes]

    packs, stored = pack_all(blobs, at_once)

    opened = []
    for pack in stored:
        data = packs.data(pack)
        for blob in decode_header(pack.header):
            sealed = data[blob.offset : blob.offset + blob.length]
            opened.append(ENVELOPE.open_blob(blob, sealed))
    assert sorted(opened) == sorted(blobs)
    assert all(len(packs.data(pack)) >= TARGET for pack in stored[:-2])


def test_blobs_go_to_both_packs_at_random() -> None:
    _, (first, second) = pack_all([os.urandom(900) for _ in range(100)], 100)
    assert min(len(first.names()), len(second.names())) > 10


def test_what_is_left_at_the_end_is_one_pack_if_it_fits() -> None:
    _, stored = pack_all([os.urandom(300) for _ in range(100)], 7)
    assert len(stored) == 1


def test_a_blob_as_large_as_a_pack_is_one_by_itself() -> None:
    small = [os.urandom(300) for _ in range(10)]
    _, stored = pack_all([*small, os.urandom(TARGET), *small], 1)
    assert min(len(pack.names()) for pack in stored) == 1
    assert len(stored) == 2


def test_a_pack_of_the_smallest_blobs_is_closed_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packer, "MOST_BLOBS", 10)
    _, stored = pack_all([b"%d" % number for number in range(100)], 7)
    counts = [len(pack.names()) for pack in stored]
    assert sum(counts) == 100
    assert min(counts[:-2]) >= 10
    assert max(counts) < 10 + 7


def test_a_pack_ends_in_its_header_and_is_named_by_its_bytes() -> None:
    packs, (pack,) = pack_all([b"one", b"two " * 50], 2)
    data = packs.data(pack)
    place = locate_header(data[-100:], len(data))

    header = ENVELOPE.open_raw(data[place.offset : place.offset + place.length])

    assert pack.id == sha256(data).digest()
    assert header == pack.header == encode_header(decode_header(header))
    assert pack.names() == [blob.id for blob in decode_header(header)]


class _Breaking(MemoryStore):
    """Its drafts take so many pieces, and then no more."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.discarded = 0

    def begin(self, kind: Kind, /) -> Draft:
        store = self
        draft = super().begin(kind)
        append, discard = draft.append, draft.discard

        class Breaking:
            contents = draft.contents
            publish = draft.publish

            def append(self, data: Buffer) -> None:
                store.pieces -= 1
                if store.pieces < 0:
                    raise StoreFull("no space")
                append(data)

            def discard(self) -> None:
                store.discarded += 1
                discard()

        return Breaking()


def test_a_pack_that_was_not_written_whole_is_never_closed() -> None:
    packs = Packs()
    packs.store = store = _Breaking(pieces=3)
    for number in range(3):
        packs.add([b"%d" % number])
    for _ in range(20):
        with pytest.raises(StoreFull):
            packs.add([os.urandom(TARGET)])
    store.pieces = 100
    with pytest.raises(StoreFull):
        packs.add([b"later"])
    with pytest.raises(StoreFull):
        packs.packer.finish()
    assert packs.closed == []

    packs.packer.discard()

    assert store.discarded >= 1
    assert list(store.scan(Kind.PACK)) == []


class _Lying(MemoryStore):
    """Gives back other bytes than it was given."""

    def begin(self, kind: Kind, /) -> Draft:
        draft = super().begin(kind)
        contents = draft.contents
        draft.contents = lambda: bytes(len(contents()))  # type: ignore[method-assign]
        return draft


def test_packs_are_not_joined_by_what_a_disk_makes_of_them() -> None:
    packs = Packs()
    packs.store = _Lying()
    packs.add([os.urandom(300) for _ in range(100)])

    with pytest.raises(IntegrityError, match="does not read back"):
        packs.packer.finish()


@given(st.lists(st.tuples(st.binary(min_size=32, max_size=32), pack_contents), max_size=4))
def test_a_header_says_all_that_an_index_needs(packs: list[tuple[bytes, list[PackedBlob]]]) -> None:
    stored = [(PackId(name), encode_header(blobs)) for name, blobs in packs]
    expected = [IndexedPack(PackId(name), blobs) for name, blobs in packs]
    assert encode_stored(stored) == encode_index(expected, 2)
    assert [header_ids(header) for _, header in stored] == [
        [blob.id for blob in blobs] for _, blobs in packs
    ]
    assert [header for _, header in stored] == [
        b"".join(
            header_entries([blob.id], [blob.length], [blob.raw_length], blob.type is BlobType.TREE)
            for blob in blobs
        )
        for _, blobs in packs
    ]
    one, other = BlobIndex(), BlobIndex()
    for (name, header), pack in zip(stored, expected, strict=True):
        one.add_stored(name, header)
        other.add(pack)
    assert sorted(map(repr, one.all_places())) == sorted(map(repr, other.all_places()))


@given(pack_contents, st.data())
def test_what_is_no_header_is_refused(blobs: list[PackedBlob], data: st.DataObject) -> None:
    header = encode_header(
        [*blobs, PackedBlob(BlobType.TREE, BlobId(bytes(32)), _end(blobs), 50, 9)]
    )
    cut = header[: -data.draw(st.integers(1, 40))]
    for use in (header_ids, lambda text: pack_json(bytes(32), text)):
        with pytest.raises(ValueError, match="header"):
            use(cut)
    with pytest.raises(ValueError, match="header"):
        BlobIndex().add_stored(PackId(bytes(32)), cut)
    with pytest.raises(ValueError, match="header"):
        header_ids(b"\4" + header)


def _end(blobs: list[PackedBlob]) -> int:
    return sum(blob.length for blob in blobs)
