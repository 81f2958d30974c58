"""What an index says of a blob is believed only if the blob bears it out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bkp.crypto.seal import Key
from bkp.errors import IntegrityError, Malformed
from bkp.formats.compression import Level
from bkp.formats.pack import BlobType, PackedBlob
from bkp.ids import blob_id
from bkp.repo.envelope import Envelope

KEY = Key.generate()


@pytest.fixture(params=["native", "portable"])
def envelope(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Envelope:
    monkeypatch.setenv("BKP_SEALING", request.param)
    return Envelope(KEY, 2, Level.AUTO)


@pytest.mark.parametrize("claimed", [1, 2999, 3005, 1 << 31])
def test_a_blob_of_another_length_than_indexed_is_refused(envelope: Envelope, claimed: int) -> None:
    plain = b"some text " * 300
    sealed = envelope.seal_blob(BlobType.DATA, blob_id(plain), plain)
    length = len(sealed.sealed)

    right = PackedBlob(BlobType.DATA, sealed.id, 0, length, len(plain))
    assert envelope.open_blob(right, sealed.sealed) == plain
    with pytest.raises(IntegrityError):
        envelope.open_blob(right._replace(raw_length=claimed), sealed.sealed)


def test_a_length_too_large_names_the_blob(envelope: Envelope) -> None:
    sealed = envelope.seal_blob(BlobType.DATA, blob_id(b"text"), b"text")
    wrong = PackedBlob(BlobType.DATA, sealed.id, 0, len(sealed.sealed), 5)
    with pytest.raises(Malformed, match=f"{sealed.id.hex()} has 4 bytes, not 5"):
        envelope.open_blob(wrong, sealed.sealed)


@given(st.binary(max_size=100), st.sampled_from(BlobType), st.sampled_from([1, 2]))
def test_an_empty_blob_and_any_other_comes_back(plain: bytes, kind: BlobType, version: int) -> None:
    envelope = Envelope(KEY, version, Level.OFF)
    sealed = envelope.seal_blob(kind, blob_id(plain), plain)
    packed = PackedBlob(kind, sealed.id, 0, len(sealed.sealed), sealed.raw_length)
    assert packed.plain_length == len(plain)
    assert envelope.open_blob(packed, sealed.sealed) == plain
