"""Names as Go quotes them, and the tables behind that."""

import json
import unicodedata
from hashlib import sha256
from pathlib import Path

import pytest

from bkp.errors import Malformed
from bkp.formats.goquote import quote, unquote
from bkp.formats.isprint import printable

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/goquote.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["names"], ids=lambda vector: vector["name"])
def test_names_are_quoted_as_go_does(vector: dict[str, str]) -> None:
    name = bytes.fromhex(vector["name"])

    assert quote(name) == vector["quoted"]
    assert unquote(vector["quoted"]) == name


@pytest.mark.parametrize("vector", VECTORS["unquoted"], ids=lambda vector: vector["text"])
def test_every_escape_of_go_is_understood(vector: dict[str, str]) -> None:
    assert unquote(vector["text"]).hex() == vector["name"]


@pytest.mark.parametrize("text", [*VECTORS["refused"], "\ud800", "\\ud80\n"])
def test_what_go_does_not_unquote_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        unquote(text)


def test_long_bad_text_is_refused_in_linear_time() -> None:
    with pytest.raises(Malformed):
        unquote("a\\n" * 300_000 + '"')


def test_printable_characters_are_those_of_go() -> None:
    bits = bytearray(b"0" * 0x110000)
    for first, last in printable():
        bits[first : last + 1] = b"1" * (last + 1 - first)

    assert bits.count(b"1") == VECTORS["printable_count"]
    assert sha256(bits).hexdigest() == VECTORS["printable_sha256"]


def test_printable_characters_agree_with_unicode_where_it_knows_them() -> None:
    printed = {code for first, last in printable() for code in range(first, last + 1)}
    known = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) != "Cn"]
    since_15 = float(unicodedata.unidata_version.rsplit(".", 1)[0]) > 15.0

    for character in known:
        expected = unicodedata.category(character)[0] in "LMNPS" or character == " "
        if (ord(character) in printed) != expected:
            # Only a character that Unicode got later than Go's tables may differ.
            assert since_15
            assert ord(character) not in printed
