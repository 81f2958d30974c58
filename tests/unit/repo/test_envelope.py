"""What an index says of a blob is believed only if the blob bears it out."""

from typing import NamedTuple

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


class SealedBlob(NamedTuple):
    packed: PackedBlob
    sealed: bytes


@pytest.fixture(params=["native", "portable"])
def envelope(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Envelope:
    monkeypatch.setenv("BKP_SEALING", request.param)
    return Envelope(KEY, 2, Level.AUTO)


def seal(envelope: Envelope, plain: bytes, kind: BlobType = BlobType.DATA) -> SealedBlob:
    sealed, _, (raw_length,) = envelope.seal_each(kind, plain, [(0, len(plain))])
    return SealedBlob(PackedBlob(kind, blob_id(plain), 0, len(sealed), raw_length), bytes(sealed))


@pytest.mark.parametrize("claimed", [1, 2999, 3005, 1 << 31])
def test_a_blob_of_another_length_than_indexed_is_refused(envelope: Envelope, claimed: int) -> None:
    plain = b"some text " * 300
    right, sealed = seal(envelope, plain)

    assert right.raw_length == len(plain)
    assert envelope.open_blob(right, sealed) == plain
    with pytest.raises(IntegrityError):
        envelope.open_blob(right._replace(raw_length=claimed), sealed)


def test_a_length_too_large_names_the_blob(envelope: Envelope) -> None:
    packed, sealed = seal(envelope, b"text")
    with pytest.raises(Malformed, match=f"{packed.id.hex()} has 4 bytes, not 5"):
        envelope.open_blob(packed._replace(raw_length=5), sealed)


@given(st.binary(max_size=100), st.sampled_from(BlobType), st.sampled_from([1, 2]))
def test_an_empty_blob_and_any_other_comes_back(plain: bytes, kind: BlobType, version: int) -> None:
    envelope = Envelope(KEY, version, Level.OFF)
    packed, sealed = seal(envelope, plain, kind)
    assert packed.plain_length == len(plain)
    assert envelope.open_blob(packed, sealed) == plain
