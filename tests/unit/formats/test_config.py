"""Configs."""

import pytest

from bkp.errors import Malformed, UnsupportedFormat
from bkp.formats.config import Config, decode_config, encode_config

ID = "ab" * 32
TEXT = f'{{"version":2,"id":"{ID}","chunker_polynomial":"25b468838dcb75"}}'


def test_config_is_the_json_of_restic() -> None:
    config = Config(version=2, id=ID, chunker_polynomial=0x25B468838DCB75)

    assert encode_config(config).decode() == TEXT
    assert decode_config(TEXT.encode()) == config


def test_keys_of_rustic_and_bkp_are_understood() -> None:
    text = TEXT[:-1] + (
        ',"chunker":"FixedSize","chunk_size":3,"chunk_min_size":2,"chunk_max_size":4,'
        '"bkp_chunker":"fastcdc"}'
    )

    config = decode_config(text.encode())

    assert (config.chunker, config.bkp_chunker) == ("fixed_size", "fastcdc")
    assert (config.chunk_min_size, config.chunk_size, config.chunk_max_size) == (2, 3, 4)
    assert encode_config(config).decode() == text


def test_unknown_keys_are_kept() -> None:
    text = TEXT[:-1] + ',"is_hot":true,"treepack_size":5,"later":{"a":[null]}}'

    assert encode_config(decode_config(text.encode())).decode() == text


def test_unknown_chunker_is_kept_for_others_to_judge() -> None:
    config = decode_config(TEXT.replace("}", ',"chunker":"Kloset"}').encode())

    assert config.chunker == "Kloset"
    assert b'"chunker":"Kloset"' in encode_config(config)


@pytest.mark.parametrize("version", [0, 3, -1, 10**30])
def test_other_versions_are_unsupported_whatever_else_is_there(version: int) -> None:
    with pytest.raises(UnsupportedFormat, match=str(version)):
        decode_config(f'{{"version":{version}}}'.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"version":"2"}',
        '{"version":2}',
        TEXT.replace("ab", "AB"),
        TEXT.replace("25b468838dcb75", ""),
        TEXT.replace("25b468838dcb75", "0x1"),
        TEXT.replace("25b468838dcb75", "1" * 17),
        TEXT.replace("}", ',"chunk_size":0}'),
        TEXT.replace("}", ',"chunk_max_size":2147483649}'),
        TEXT.replace("}", ',"chunk_min_size":1.5}'),
    ],
)
def test_impossible_configs_are_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        decode_config(text.encode())
