import hashlib
import io
import json
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bkp.chunking.fastcdc import FastCDC
from bkp.chunking.params import ChunkSizes
from reference.rolling import fastcdc_cuts
from reference.streams import VECTORS, sha256_counter, stream

KiB = 1 << 10
TABLE = sha256_counter(2048, first=1 << 32)


class Case(NamedTuple):
    source: str
    length: int
    minimum: int
    target: int
    maximum: int
    chunks: list[tuple[int, str]]


CASES = [
    Case(**case) for case in json.loads((VECTORS / "chunking-fastcdc.json").read_text())["cases"]
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.source}-{c.target}")
def test_chunks_are_what_they_have_always_been(case: Case) -> None:
    """To change one of these would end deduplication against every existing repository."""
    sizes = ChunkSizes(case.minimum, case.target, case.maximum)
    chunks = list(FastCDC(TABLE, sizes).chunks(io.BytesIO(stream(case.source, case.length))))

    assert [length for length, _ in case.chunks] == [len(chunk) for chunk in chunks]
    assert [digest for _, digest in case.chunks] == [
        hashlib.sha256(chunk).hexdigest()[:16] for chunk in chunks
    ]


@settings(max_examples=30, deadline=None)
@given(
    length=st.integers(0, 24 * KiB),
    zeros=st.integers(0, 8 * KiB),
    minimum=st.sampled_from([64, 100, 1 * KiB, 4 * KiB]),
    maximum=st.sampled_from([4 * KiB, 5 * KiB, 16 * KiB]),
)
def test_chunks_are_those_of_the_definition(
    length: int, zeros: int, minimum: int, maximum: int
) -> None:
    data = stream("sha256-counter", 32 * KiB)[:length] + bytes(zeros)
    chunks = FastCDC(TABLE, ChunkSizes(minimum, 4 * KiB, maximum)).chunks(io.BytesIO(data))

    assert [len(chunk) for chunk in chunks] == fastcdc_cuts(data, TABLE, minimum, 4 * KiB, maximum)


def test_the_mean_chunk_is_the_minimum_and_the_target() -> None:
    sizes = ChunkSizes(2 * KiB, 4 * KiB, 32 * KiB)
    data = stream("go-rand-23", 32 << 20)
    count = sum(1 for _ in FastCDC(TABLE, sizes).chunks(io.BytesIO(data)))

    assert len(data) / count == pytest.approx(6 * KiB, rel=0.02)


def test_the_maximum_holds_even_where_the_turn_would_come_later() -> None:
    data = stream("sha256-counter", 1 << 20)
    chunks = list(FastCDC(TABLE, ChunkSizes(4 * KiB, 4 * KiB, 5 * KiB)).chunks(io.BytesIO(data)))

    assert [len(chunk) for chunk in chunks] == fastcdc_cuts(data, TABLE, 4 * KiB, 4 * KiB, 5 * KiB)


def test_another_table_cuts_elsewhere() -> None:
    data = stream("sha256-counter", 1 << 20)
    sizes = ChunkSizes(1 * KiB, 4 * KiB, 32 * KiB)
    ours = set(FastCDC(TABLE, sizes).chunks(io.BytesIO(data)))
    theirs = set(FastCDC(TABLE[8:] + TABLE[:8], sizes).chunks(io.BytesIO(data)))

    assert len(ours & theirs) < len(ours) / 20


@pytest.mark.parametrize("size", [0, 32, 2047, 2049])
def test_a_table_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="2048 bytes"):
        FastCDC(bytes(size))
