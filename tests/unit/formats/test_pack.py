"""Headers of packs."""

import pytest

from bkp.errors import Malformed
from bkp.formats.pack import (
    EAGER_READ,
    MAX_HEADER,
    MAX_HEADER_BLOBS,
    BlobType,
    PackedBlob,
    decode_header,
    encode_header,
    encode_trailer,
    header_size,
    locate_header,
    pack_size,
)
from bkp.ids import BlobId

ONE = BlobId(b"\x01" * 32)
TWO = BlobId(b"\x02" * 32)
BLOBS = [
    PackedBlob(BlobType.DATA, ONE, 0, 38, 0),
    PackedBlob(BlobType.TREE, ONE, 38, 40, 0),
    PackedBlob(BlobType.DATA, TWO, 78, 50, 300),
    PackedBlob(BlobType.TREE, TWO, 128, 60, 400),
]
HEADER = (
    b"\x00" + b"\x26\x00\x00\x00" + ONE
    + b"\x01" + b"\x28\x00\x00\x00" + ONE
    + b"\x02" + b"\x32\x00\x00\x00" + b"\x2c\x01\x00\x00" + TWO
    + b"\x03" + b"\x3c\x00\x00\x00" + b"\x90\x01\x00\x00" + TWO
)  # fmt: skip


def test_header_is_one_entry_per_blob() -> None:
    assert encode_header(BLOBS) == HEADER
    assert decode_header(HEADER) == BLOBS


def test_sizes_are_exact() -> None:
    assert header_size(BLOBS) == 37 + 37 + 41 + 41 + 32 + 4
    assert pack_size(BLOBS) == 188 + header_size(BLOBS)
    assert [blob.plain_length for blob in BLOBS] == [6, 8, 300, 400]


def test_eager_read_holds_the_header_of_fifteen_blobs() -> None:
    blobs = [PackedBlob(BlobType.DATA, ONE, 50 * i, 50, 300) for i in range(15)]

    assert header_size(blobs) == EAGER_READ == 651


def test_gap_in_a_pack_is_refused() -> None:
    with pytest.raises(ValueError, match="gap"):
        encode_header([BLOBS[1]])


def test_header_holds_so_many_blobs_and_hardly_more() -> None:
    blobs = [PackedBlob(BlobType.DATA, ONE, 32 * i, 32, 1) for i in range(MAX_HEADER_BLOBS + 1)]

    assert len(encode_header(blobs[:-1])) + 32 <= MAX_HEADER
    with pytest.raises(ValueError, match="too long"):
        encode_header(blobs)


@pytest.mark.parametrize("size", [1, 36, 38, 73, 75, 114, 155])
def test_header_cut_short_is_malformed(size: int) -> None:
    with pytest.raises(Malformed, match="inside an entry"):
        decode_header(HEADER[:size])


@pytest.mark.parametrize("kind", [4, 5, 255])
def test_unknown_type_is_malformed(kind: int) -> None:
    with pytest.raises(Malformed, match="type"):
        decode_header(bytes((kind,)) + HEADER[1:])


def test_impossible_lengths_are_malformed() -> None:
    too_short = b"\x00" + (31).to_bytes(4, "little") + ONE
    no_plaintext = b"\x02" + (40).to_bytes(4, "little") + bytes(4) + ONE
    too_far = 3 * (b"\x00" + (2**32 - 1).to_bytes(4, "little") + ONE)

    for header in (too_short, no_plaintext, too_far):
        with pytest.raises(Malformed):
            decode_header(header)


def test_header_is_found_from_the_end() -> None:
    tail = b"xyz" + encode_trailer(69)

    assert locate_header(tail, 500) == (500 - 4 - 69, 69)


@pytest.mark.parametrize(
    ("length", "size"), [(0, 500), (68, 500), (497, 500), (MAX_HEADER + 1, 1 << 30), (2**32 - 1, 9)]
)
def test_impossible_header_length_is_malformed(length: int, size: int) -> None:
    with pytest.raises(Malformed):
        locate_header(encode_trailer(length), size)


def test_pack_without_a_length_is_malformed() -> None:
    with pytest.raises(Malformed):
        locate_header(b"abc", 3)
