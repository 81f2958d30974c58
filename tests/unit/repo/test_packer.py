"""What goes into packs comes out of them, and what is said of them is true."""

import os
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bkp.crypto.seal import Key
from bkp.formats.compression import Level
from bkp.formats.filling import Filling, header_ids, pack_json
from bkp.formats.index import IndexedPack, encode_index, encode_stored
from bkp.formats.pack import BlobType, PackedBlob, decode_header, encode_header, locate_header
from bkp.ids import BlobId, PackId, blob_id
from bkp.repo import packer
from bkp.repo.envelope import Envelope
from bkp.repo.index import BlobIndex
from bkp.repo.packer import Packer, seal_pack
from strategies import pack_contents

ENVELOPE = Envelope(Key.generate(), 2, Level.AUTO)
TARGET = 64 << 10


def pack_all(blobs: list[bytes], at_once: int) -> list[Filling]:
    """Pack blobs in batches, giving nothing back."""
    filler = Packer(BlobType.DATA, TARGET)
    packs = []
    for begin in range(0, len(blobs), at_once):
        batch = blobs[begin : begin + at_once]
        pieces = [(sum(map(len, batch[:n])), len(blob)) for n, blob in enumerate(batch)]
        sealed, raw_lengths = ENVELOPE.seal_each(BlobType.DATA, b"".join(batch), pieces)
        names = [blob_id(blob) for blob in batch]
        done = 0
        while done < len(batch):
            done, full = filler.add(names, sealed, raw_lengths, done)
            packs += [full] if full is not None else []
    packs += filler.finish()
    assert filler.finish() == []
    return packs


@given(st.lists(st.integers(0, 90_000), max_size=60), st.integers(1, 20))
def test_packing_loses_and_repeats_nothing(sizes: list[int], at_once: int) -> None:
    blobs = [os.urandom(size) for size in sizes]

    packs = pack_all(blobs, at_once)

    opened = []
    for pack in packs:
        data = bytes(memoryview(pack))
        for blob in decode_header(pack.header):
            sealed = data[blob.offset : blob.offset + blob.length]
            opened.append(ENVELOPE.open_blob(blob, sealed))
    assert sorted(opened) == sorted(blobs)
    assert all(len(pack) >= TARGET for pack in packs[:-2])


def test_blobs_go_to_both_packs_at_random() -> None:
    first, second = pack_all([os.urandom(900) for _ in range(100)], 100)
    assert min(first.blobs, second.blobs) > 10


def test_what_is_left_at_the_end_is_one_pack_if_it_fits() -> None:
    assert len(pack_all([os.urandom(300) for _ in range(100)], 7)) == 1


def test_a_pack_of_the_smallest_blobs_is_closed_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packer, "MOST_BLOBS", 10)
    packs = pack_all([b"%d" % number for number in range(100)], 7)
    assert sum(pack.blobs for pack in packs) == 100
    assert max(pack.blobs for pack in packs[:-1]) == 10
    assert min(pack.blobs for pack in packs[:-2]) == 10


def test_a_pack_ends_in_its_header_and_is_named_by_its_bytes() -> None:
    (filled,) = pack_all([b"one", b"two " * 50], 2)
    blobs = decode_header(filled.header)

    pack = seal_pack(filled, ENVELOPE)

    data = bytes(memoryview(pack.data))
    place = locate_header(data[-100:], len(data))
    assert pack.id == sha256(data).digest()
    header = ENVELOPE.open_raw(data[place.offset : place.offset + place.length])
    assert header == pack.header == encode_header(blobs)
    assert pack.names() == [blob.id for blob in blobs]


def test_memory_given_back_is_empty_again() -> None:
    filler = Packer(BlobType.DATA, 100)
    for number in range(5):
        blob = b"%d" % number * 50
        done, full = filler.add([blob_id(blob)], [blob + bytes(60)], [0], 0)
        assert done == 1
        assert full is not None
        assert (len(full), full.blobs) == (110, 1)
        assert bytes(memoryview(full))[:50] == blob
        filler.give_back(full)


def test_a_pack_that_is_looked_at_does_not_change() -> None:
    filled = Filling()
    filled.append(b"some bytes")
    with memoryview(filled) as view:
        with pytest.raises(BufferError):
            filled.append(b"more")
        with pytest.raises(BufferError):
            filled.join(Filling())
        with pytest.raises(BufferError):
            filled.clear()
        assert bytes(view) == b"some bytes"
    filled.append(b"more")


@given(st.lists(st.tuples(st.binary(min_size=32, max_size=32), pack_contents), max_size=4))
def test_a_header_says_all_that_an_index_needs(packs: list[tuple[bytes, list[PackedBlob]]]) -> None:
    stored = [(PackId(name), encode_header(blobs)) for name, blobs in packs]
    expected = [IndexedPack(PackId(name), blobs) for name, blobs in packs]
    assert encode_stored(stored) == encode_index(expected, 2)
    assert [header_ids(header) for _, header in stored] == [
        [blob.id for blob in blobs] for _, blobs in packs
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
