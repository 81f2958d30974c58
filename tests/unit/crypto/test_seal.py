"""restic's test vectors for the seal, and what tampering does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bkp.crypto.seal import OVERHEAD, Key, Sealer
from bkp.errors import Inauthentic

KEY = Key(
    encrypt=bytes.fromhex("303e8687b1d7db18421bdc6bb8588ccadac4d59ee87b8ff70c44e635790cafef"),
    k=bytes.fromhex("ef4d8824cb80b2bcc5fbff8a9b12a42c"),
    r=bytes.fromhex("cc8d4b948ee0ebfe1d415de921d10353"),
)
SEALED = bytes.fromhex(
    "69fb41c62d12def4593bd71757138606338f621aeaeb39da0fe4f99233f8037a"
    "54ea63338a813bcf3f75d8c3cc75dddf8750"
)
PLAIN = b"Dies ist ein Test!"

MACS = {
    "message": (
        "ec074c835580741701425b623235add6",
        "851fc40c3467ac0be05cc20404f3f700",
        "fb447350c4e868c52ac3275cf9d4327e",
        "f3f6",
        "f4c633c3044fc145f84f335cb81953de",
    ),
    "empty": (
        "75deaa25c09f208e1dc4ce6b5cad3fbf",
        "a0f3080000f46400d0c7e9076c834403",
        "61ee09218d29b0aaed7e154a2c5509cc",
        "",
        "dd3fab2251f11ac759f0887129cc2ee7",
    ),
}


def test_a_text_sealed_by_restic_opens() -> None:
    assert bytes(Sealer(KEY).unseal(SEALED)) == PLAIN


def test_sealing_under_its_iv_gives_restics_bytes() -> None:
    assert Sealer(KEY).seal_with_iv(PLAIN, SEALED[:16]) == SEALED


@pytest.mark.parametrize("name", MACS)
def test_the_code_is_poly1305_aes(name: str) -> None:
    k, r, nonce, message, mac = (bytes.fromhex(text) for text in MACS[name])
    sealer = Sealer(Key(bytes([1]) * 32, k, r))
    # The vectors are of the code alone: decrypting the ciphertext first makes it the message.
    plain = _decrypt(sealer, nonce, message)

    assert sealer.seal_with_iv(plain, nonce) == nonce + message + mac


def _decrypt(sealer: Sealer, iv: bytes, ciphertext: bytes) -> bytes:
    mask = sealer.seal_with_iv(bytes(len(ciphertext)), iv)[16:-16]
    return bytes(a ^ b for a, b in zip(ciphertext, mask, strict=True))


@given(st.binary(max_size=300))
def test_unseal_returns_what_was_sealed(plain: bytes) -> None:
    sealer = Sealer(KEY)
    sealed = sealer.seal(plain)

    assert len(sealed) == len(plain) + OVERHEAD
    assert bytes(sealer.unseal(sealed)) == plain


@given(st.binary(max_size=60), st.data())
def test_any_flipped_bit_is_found(plain: bytes, data: st.DataObject) -> None:
    sealer = Sealer(KEY)
    sealed = sealer.seal(plain)
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8

    with pytest.raises(Inauthentic):
        sealer.unseal(sealed)


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_inauthentic(data: bytes) -> None:
    with pytest.raises(Inauthentic):
        Sealer(KEY).unseal(data)


def test_sealing_twice_gives_different_texts() -> None:
    sealer = Sealer(KEY)

    assert sealer.seal(PLAIN) != sealer.seal(PLAIN)


def test_another_key_does_not_open() -> None:
    with pytest.raises(Inauthentic):
        Sealer(Key.generate()).unseal(SEALED)


def test_keys_that_look_cleared_are_refused() -> None:
    with pytest.raises(ValueError, match="usable"):
        Key(bytes(32), b"k" * 16, b"r" * 16)
    with pytest.raises(ValueError, match="usable"):
        Key(b"e" * 31, b"k" * 16, b"r" * 16)


def test_an_all_zero_iv_is_refused() -> None:
    sealer = Sealer(KEY)

    with pytest.raises(Inauthentic, match="all-zero"):
        sealer.unseal(sealer.seal_with_iv(PLAIN, bytes(16)))


def test_a_key_does_not_show_itself() -> None:
    assert KEY.encrypt.hex() not in repr(KEY)
    assert "303e" not in repr(KEY)
