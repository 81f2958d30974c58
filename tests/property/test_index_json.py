"""Index JSON is read natively as the general parser reads it, or left to that."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bkp._native.index import parse_index
from bkp.errors import Malformed
from bkp.formats.gojson import encode
from bkp.formats.index import IndexedPack, decode_index, encode_index
from bkp.repo.index import BlobIndex, Place, read_index
from strategies import ids, indexed_packs, json_values, uint32


def contents_of(data: bytes) -> set[Place]:
    index = BlobIndex()
    index.take(read_index(data).packs)
    return set(index.all_places())


def check_like_decode(data: bytes) -> None:
    """Say that reading natively accepts, and means, what the general parser does."""
    try:
        expected = decode_index(data)
    except Malformed:
        with pytest.raises(Malformed):
            read_index(data)
        assert parse_index(data) is None
        return
    assert contents_of(data) == {
        Place(pack.id, blob) for pack in expected.packs for blob in pack.blobs
    }


# Members as others may write them: in any order, unknown ones among them, some wrong, some twice.
HEX = ids.map(bytes.hex)
ODD_TEXTS = st.sampled_from(
    ['"data"', '"tree"', '"d\\u0061ta"', '"blob"', '"\\ud800"', '"é"', "null"]
)
NUMBERS = """0 31 32 -0 -1 00 01 1.0 1e3 1.5 4294967295 4294967296 null "1" true [] {}
    999999999999999 1234567890123456 9999999999999999999999"""
ODD_NUMBERS = st.sampled_from(NUMBERS.split())
WRONG_IDS = st.sampled_from(
    ["", "00", "A" * 64, " " * 64, "0" * 63, "0" * 65, "\\u0030" + "0" * 63]
)
PIECES = st.sampled_from([b"", b'"', b"\\", b"0", b"{", b"]", b",", b"\x80", b"\0"])
SPACE = st.sampled_from(["", "", "", " ", "\n\t\r ", "\f", "\v", "\ufeff"])


def members(*choices: tuple[str, st.SearchStrategy[str]]) -> st.SearchStrategy[str]:
    """Build JSON objects of most of these members, some of them twice."""
    one = st.one_of(*(value.map(f'"{key}":'.__add__) for key, value in choices))
    unknown = st.builds(
        lambda key, value: encode({key: value}).decode()[1:-1],
        st.sampled_from(["later", "supersedes", "é", "id ", "packs\0"]),
        json_values,
    )
    regular = st.tuples(*(value.map(f'"{key}":'.__add__) for key, value in choices))
    extra = st.lists(one | unknown, max_size=2)
    return st.builds(
        lambda known, more, space, order: (
            "{" + f",{space}".join(order.sample([*known, *more], len(known) + len(more))) + "}"
        ),
        regular | regular.map(lambda known: known[: len(known) - 1]),
        extra,
        SPACE,
        st.randoms(use_true_random=False),
    )


def rarely(usual: st.SearchStrategy[str], odd: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.integers(0, 19).flatmap(lambda n: odd if n == 0 else usual)


ID_TEXTS = rarely(HEX, WRONG_IDS).map(lambda text: f'"{text}"')
COUNTS = rarely(uint32.map(lambda n: str(max(n, 32))), ODD_NUMBERS)
BLOB_TEXTS = members(
    ("id", ID_TEXTS),
    ("type", rarely(st.sampled_from(['"data"', '"tree"']), ODD_TEXTS)),
    ("length", COUNTS),
    ("offset", COUNTS),
    ("uncompressed_length", COUNTS),
)
LISTS = st.lists(BLOB_TEXTS, max_size=3).map(lambda blobs: f"[{','.join(blobs)}]")
PACK_TEXTS = members(
    ("id", ID_TEXTS),
    ("blobs", rarely(LISTS, ODD_NUMBERS)),
    ("time", rarely(st.just('"2026-01-01T00:00:00Z"'), ODD_TEXTS)),
    ("size", COUNTS),
)
PACK_LISTS = st.lists(PACK_TEXTS, max_size=3).map(lambda packs: f"[{','.join(packs)}]")
INDEX_TEXTS = members(("packs", PACK_LISTS), ("packs_to_delete", PACK_LISTS))


@settings(max_examples=500)
@given(INDEX_TEXTS.map(str.encode))
def test_an_index_object_means_what_the_general_parser_says(data: bytes) -> None:
    check_like_decode(data)


@settings(max_examples=500)
@given(INDEX_TEXTS.map(str.encode), st.data())
def test_so_does_one_with_a_few_bytes_changed(data: bytes, draw: st.DataObject) -> None:
    changed = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 3))):
        at = draw.draw(st.integers(0, len(changed) - 1))
        piece = draw.draw(PIECES)
        changed[at : at + draw.draw(st.integers(0, 2))] = piece
        changed = changed or bytearray(b" ")
    check_like_decode(bytes(changed))


@given(st.binary(max_size=64))
@example(b"")
@example(b'{"packs":[]}' + b" " * 9)
@example(b'{"packs":[],"later":' + b"[" * 5000 + b"]" * 5000 + b"}")
def test_so_does_anything_else(data: bytes) -> None:
    check_like_decode(data)


@given(st.lists(indexed_packs, max_size=4), st.lists(indexed_packs, max_size=2))
def test_what_we_and_rustic_write_needs_no_general_parser(
    packs: list[IndexedPack], doomed: list[IndexedPack]
) -> None:
    data = encode_index(packs, 2, doomed)
    if b"\\" not in data and data.isascii():
        assert parse_index(data) is not None
    check_like_decode(data)


@given(st.lists(indexed_packs, max_size=4), st.integers(0, 10_000))
def test_an_index_cut_short_is_malformed(packs: list[IndexedPack], at: int) -> None:
    data = encode_index(packs, 2)
    check_like_decode(data[: at % len(data)])


@pytest.mark.parametrize("writers", ["128", '"h"', '[["h",1]]', '[["h",-1]]', '[["h"]]', "null"])
def test_so_does_one_that_names_writers(writers: str) -> None:
    check_like_decode(b'{"packs":[],"bkp_writers":%s}' % writers.encode())
