"""Every decoder of stored bytes takes any bytes for what they are, or refuses them as it declares.

Some thousands are tried at each run.  To try many more, which takes some twenty minutes:

    HYPOTHESIS_PROFILE=long pytest tests/property

What is found belongs into tests/corpus, under a name that says what it is.
"""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frames
import strategies as own
from bkp.formats.compression import decompress
from bkp.formats.config import encode_config
from bkp.formats.gojson import encode
from bkp.formats.index import IndexedPack, Writer, encode_index
from bkp.formats.keyfile import encode_keyfile, encode_master_key
from bkp.formats.lock import encode_lock
from bkp.formats.pack import encode_header, encode_trailer
from bkp.formats.snapshot import encode_snapshot
from bkp.formats.tree import encode_tree
from bkp.formats.unpacked import wrap
from bkp.ids import PackId
from bkp.repo.index import BlobIndex
from bkp.repo.saved_index import write_index
from bkp.repo.saved_verifications import Verification, encode_verifications
from decoders import DECODERS, KEY, LIMIT, PLACE
from mutations import mangled, mangled_json

_packs = st.lists(own.indexed_packs, max_size=2)
_writers = st.none() | st.lists(st.builds(Writer, own.plain_texts, own.uint63), max_size=2)
_indexes = st.builds(encode_index, _packs, st.just(2), _packs | st.just([]), _writers)

JSON = {
    "tree": own.trees.map(encode_tree),
    "index": _indexes,
    "config": own.configs.map(encode_config),
    "key": own.keyfiles.map(encode_keyfile),
    "master-key": own.master_keys.map(encode_master_key),
    "snapshot": own.snapshots.map(encode_snapshot),
    "lock": own.locks.map(encode_lock),
}

# Escapes of Go, right and wrong, and what must be one.
_ESCAPES = (
    rb"\a \b \f \n \r \t \v \\ \" \x00 \xFf \x4 \377 \400 \38 \u00e4 \uD800 \udfff \u12 \U0010ffff "
    rb'\U00110000 \UFFFFFFFF \q \X41 \ " / .. a \xed\xa0\x80 \xf0\x9f\x98\x80'
)
_quoted = st.sampled_from(_ESCAPES.split(b" ")) | st.text(max_size=3).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)

_numbers = st.integers(0, 12) | st.sampled_from([23, 24, 28, 29, 30, 31, 59, 60, 61, 99])
_fractions = st.sampled_from(["", "", ".", ".0", ".123456789", ".1234567891", ",5", "." + "9" * 99])
_zones = st.sampled_from(
    ["Z", "z", "+00:00", "-00:00", "+99:59", "-99:59:59", "+01:60", "+01", "+0100", "+00:00:61"]
)
_times = st.builds(
    lambda year, others, fraction, zone: (
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(year, *others) + fraction + zone
    ).encode(),
    st.sampled_from([0, 1, 1900, 1970, 2000, 2024, 2026, 9999, 10000]),
    st.tuples(*[_numbers] * 5),
    _fractions,
    _zones,
)

_id_texts = own.hex_ids | st.sampled_from(
    ["", "0" * 63, "0" * 65, "0" * 128, "A" * 64, "0" * 63 + " ", " " * 64, "\uff10" * 64, "g" * 64]
)

_tails = st.builds(
    lambda size, data, length: size.to_bytes(5, "big") + data + encode_trailer(length),
    st.integers(0, 2**40 - 1) | st.integers(0, 200) | st.just(32 << 20),
    st.binary(max_size=20),
    own.uint32 | st.integers(0, 100) | st.integers(0, 17 << 20),
)


def _saved(packs: list[IndexedPack]) -> bytes:
    index = BlobIndex()
    for pack in packs:
        index.add(pack)
    file = io.BytesIO()
    write_index(file, index, [bytes(32)], KEY)
    return file.getvalue()


_verified = st.dictionaries(
    own.ids.map(PackId), st.builds(Verification, st.integers(0, 2**63 - 1), st.booleans())
)

BYTES = {
    "pack-header": own.pack_contents.map(encode_header),
    "pack-tail": _tails,
    "frames": frames.sequences,
    "unpacked": _indexes.map(lambda data: wrap(data, 2)) | _indexes,
    "name": st.lists(_quoted, max_size=6).map(b"".join),
    "time": _times | own.times.map(str.encode),
    "ids": st.lists(_id_texts.map(str.encode), min_size=1, max_size=3).map(b"\n".join),
    "saved-index": _packs.map(_saved),
    "verified-packs": _verified.map(lambda found: encode_verifications(found, PLACE, KEY)),
}


MANY = settings(max_examples=3 * settings().max_examples)


def test_every_decoder_is_under_fire() -> None:
    assert {*JSON, *BYTES} == set(DECODERS)


@pytest.mark.parametrize("decoder", JSON)
@MANY
@given(st.data())
def test_a_document_that_says_something_else(decoder: str, data: st.DataObject) -> None:
    DECODERS[decoder](data.draw(mangled_json(JSON[decoder])))


@pytest.mark.parametrize("decoder", BYTES)
@MANY
@given(st.data())
def test_bytes_that_are_something_else(decoder: str, data: st.DataObject) -> None:
    DECODERS[decoder](data.draw(BYTES[decoder] | mangled(BYTES[decoder])))


_others = st.one_of(*JSON.values(), *BYTES.values())
_anything = _others | own.json_values.map(encode) | st.binary(max_size=200)


@pytest.mark.parametrize("decoder", DECODERS)
@given(_anything)
def test_what_is_meant_for_another_decoder_or_for_none(decoder: str, data: bytes) -> None:
    DECODERS[decoder](data)


_good_parts = st.lists(frames.good_frames() | st.just((frames.skippable(b"xyz"), b"")), max_size=3)


@given(st.data())
def test_frames_with_which_nothing_is_wrong(data: st.DataObject) -> None:
    parts = data.draw(_good_parts)
    packed = b"".join(one for one, _ in parts)
    plain = b"".join(one for _, one in parts)
    is_good = any(one.startswith(frames.MAGIC) for one, _ in parts) and len(plain) <= LIMIT

    assert DECODERS["frames"](packed) == is_good
    if is_good:
        assert decompress(packed, len(plain)) == plain
