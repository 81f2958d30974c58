"""Long streams that anybody can make again: the inputs of the chunking vectors."""

import hashlib
import json
from array import array
from functools import cache
from pathlib import Path

VECTORS = Path(__file__).parent.parent / "vectors"

LAG, TAP = 607, 273  # of the lagged Fibonacci generator behind Go's math/rand
WORD_BYTES = 8


@cache
def stream(name: str, length: int) -> bytes:
    """Return the first bytes of a stream by the name the vectors give it."""
    if name == "zeros":
        return bytes(length)
    if name == "sha256-counter":
        return sha256_counter(length)
    assert name == "go-rand-23"
    return go_uint32s(_go_words(), length)


def sha256_counter(length: int, first: int = 0) -> bytes:
    """Return SHA-256 of consecutive little-endian uint64, joined."""
    numbers = range(first, first + -(-length // 32))
    joined = b"".join(hashlib.sha256(n.to_bytes(8, "little")).digest() for n in numbers)
    return joined[:length]


def go_uint32s(words: list[int], length: int) -> bytes:
    """Continue Go's generator and return what Uint32 makes of it, little-endian.

    Each word is the sum of those 607 and 273 before it; Uint32 returns its
    bits 31 to 62.  273 words are added at once, as one long integer: the top
    bit of each is added separately so that nothing carries into the next.
    """
    tops = int.from_bytes((b"\0" * 7 + b"\x80") * TAP, "little")
    rest = (1 << 64 * TAP) - 1 ^ tops
    raw = bytearray(b"".join(word.to_bytes(WORD_BYTES, "little") for word in words))
    while len(raw) < 2 * length:
        a = int.from_bytes(raw[-WORD_BYTES * LAG : -WORD_BYTES * (LAG - TAP)], "little")
        b = int.from_bytes(raw[-WORD_BYTES * TAP :], "little")
        total = (a & rest) + (b & rest) ^ (a ^ b) & tops
        raw += total.to_bytes(WORD_BYTES * TAP, "little")
    shifted = int.from_bytes(raw, "little") >> 31
    halves = array("I", shifted.to_bytes(len(raw), "little"))
    return halves[::2].tobytes()[:length]


def _go_words() -> list[int]:
    vector = json.loads((VECTORS / "chunking-go-rand-23.json").read_text())
    return [int(word, 16) for word in vector["words"]]
