"""JSON as Go writes and reads it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bkp.errors import Malformed
from bkp.formats.gojson import decode, decode_lossy, encode, string, unknown_keys

VECTORS_DIR = Path(__file__).parents[2] / "vectors"
NAMES: list[dict[str, str]] = json.loads((VECTORS_DIR / "goquote.json").read_text())["names"]
STRINGS: list[dict[str, str]] = json.loads((VECTORS_DIR / "gojson.json").read_text())["strings"]


@pytest.mark.parametrize("vector", NAMES, ids=lambda vector: vector["name"])
def test_strings_are_written_as_go_writes_them(vector: dict[str, str]) -> None:
    raw = bytes.fromhex(vector["name"])

    assert encode(raw.decode("utf-8", "surrogateescape")).decode() == vector["json"]
    assert encode([string(raw)]).decode() == f"[{vector['json']}]"


@pytest.mark.parametrize("vector", STRINGS, ids=lambda vector: vector["json"])
def test_surrogates_are_read_as_go_reads_them(vector: dict[str, str]) -> None:
    assert decode(vector["json"].encode(), str) == bytes.fromhex(vector["text"]).decode()


@pytest.mark.parametrize("vector", NAMES, ids=lambda vector: vector["name"])
def test_lossy_text_comes_back_to_the_same_json(vector: dict[str, str]) -> None:
    data = vector["json"].encode()

    assert encode(decode_lossy(msgspec.Raw(data))) == data


def test_lost_byte_differs_from_a_genuine_replacement_character() -> None:
    assert decode_lossy(msgspec.Raw(b'"\\ufffd\xef\xbf\xbd\\\\ufffd"')) == "\udcff\ufffd\\ufffd"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"a":1}x',
        b'"\xff"',
        b'"\x01"',
        b"NaN",
        b"[" * 100_000,
        b'{"x":' + b"[" * 100_000,
        b'{"x":' + b"[" * 100_000 + b'"\\ud800"',
        b"1e999",
        b'"\\u12"',
    ],
    ids=lambda data: data[:20],
)
def test_what_is_not_json_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(data, dict[str, Any])


def test_absurd_nesting_cannot_be_written() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]

    with pytest.raises(ValueError, match="nested"):
        encode(value)


def test_unknown_keys_are_found_inside() -> None:
    data = b'{"a":{"known":1,"more":[1,null]},"b":2}'

    assert unknown_keys(data, ("known",), "a") == {"more": [1, None]}


def test_threads_may_meet_a_type_together() -> None:
    """In a process of its own, for what it guards against is a crash of the process."""
    code = """
import sys, threading
import msgspec
from bkp.formats.gojson import Uint32, decode
sys.setswitchinterval(1e-7)
for _ in range(300):
    class Inner(msgspec.Struct):
        id: str
        length: Uint32 = 0
        more: dict[str, list[int]] | None = None
    class Outer(msgspec.Struct):
        inner: list[Inner]
    start = threading.Barrier(4)
    def work():
        start.wait()
        decode(b'{"inner":[{"id":"x","length":1,"more":null}]}', Outer)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
