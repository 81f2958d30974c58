"""Key files and the master key."""

import base64

import pytest

from bkp.errors import Malformed, UnsupportedFormat
from bkp.formats.keyfile import (
    MasterKeyFile,
    decode_keyfile,
    decode_master_key,
    encode_keyfile,
    encode_master_key,
)

SALT = base64.b64encode(bytes(range(64))).decode()
TEXT = (
    '{"created":"2026-11-22T19:33:18.454732947Z","username":"u","hostname":"h","kdf":"scrypt",'
    f'"N":32768,"r":8,"p":5,"salt":"{SALT}","data":"AAEC"}}'
)
KEY = MasterKeyFile(encrypt=b"e" * 32, k=b"k" * 16, r=b"r" * 16)


def test_key_files_come_back_to_the_same_bytes() -> None:
    file = decode_keyfile(TEXT.encode())

    assert (file.n, file.r, file.p, file.data) == (32768, 8, 5, b"\0\1\2")
    assert file.salt == bytes(range(64))
    assert encode_keyfile(file).decode() == TEXT


def test_unknown_keys_are_kept() -> None:
    text = TEXT[:-1] + ',"label":"laptop"}'

    assert encode_keyfile(decode_keyfile(text.encode())).decode() == text


def test_what_rustic_leaves_out_may_be_missing() -> None:
    text = "{" + TEXT[TEXT.index('"kdf"') :]

    assert decode_keyfile(text.encode()).username == ""


def test_other_derivations_are_unsupported() -> None:
    with pytest.raises(UnsupportedFormat, match="argon2"):
        decode_keyfile(TEXT.replace("scrypt", "argon2").encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        TEXT.replace(SALT, base64.b64encode(bytes(63)).decode()),
        TEXT.replace(SALT, "*"),
        TEXT.replace("AAEC", "AAE"),
        TEXT.replace("32768", "-1"),
        TEXT.replace("32768", "9223372036854775808"),
        TEXT.replace("32768", '"32768"'),
    ],
)
def test_impossible_key_files_are_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        decode_keyfile(text.encode())


def test_master_key_is_the_json_of_restic() -> None:
    data = encode_master_key(KEY)

    k, r, encrypt = (base64.b64encode(part).decode() for part in (KEY.k, KEY.r, KEY.encrypt))
    assert data.decode() == f'{{"mac":{{"k":"{k}","r":"{r}"}},"encrypt":"{encrypt}"}}'
    assert decode_master_key(data) == KEY


def test_master_key_of_wrong_lengths_is_refused_both_ways() -> None:
    with pytest.raises(ValueError, match="length"):
        encode_master_key(MasterKeyFile(encrypt=b"e" * 31, k=b"k" * 16, r=b"r" * 16))
    with pytest.raises(Malformed):
        decode_master_key(encode_master_key(KEY).replace(b'"k":"a2tr', b'"k":"'))


def test_no_text_shows_the_master_key() -> None:
    assert "eee" not in repr(KEY)
    with pytest.raises(Malformed) as caught:
        decode_master_key(b'{"mac":"secret"}')
    assert caught.value.__cause__ is None
    assert "secret" not in str(caught.value)
