import hashlib
import io
import json
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bkp.chunking.params import ChunkSizes
from bkp.chunking.rabin import Rabin
from bkp.errors import UnsupportedFormat
from reference.rolling import rabin_cuts, rabin_fingerprint
from reference.streams import VECTORS, stream

KiB = 1 << 10


class Case(NamedTuple):
    source: str
    length: int
    polynomial: str
    minimum: int
    target: int
    maximum: int
    chunks: list[tuple[int, str, str]]


CASES = [
    Case(**case) for case in json.loads((VECTORS / "chunking-rabin.json").read_text())["cases"]
]


def cut(case: Case) -> list[bytes]:
    sizes = ChunkSizes(case.minimum, case.target, case.maximum)
    data = stream(case.source, case.length)
    return list(Rabin(int(case.polynomial, 16), sizes).chunks(io.BytesIO(data)))


def test_the_streams_of_the_vectors_are_what_they_were() -> None:
    digests = {
        "go-rand-23": "529617b3a6df2372a77f656f14a5baaf997dc03c1fc458d196f933fed0a46573",
        "sha256-counter": "01c65c8d6d336a8f1e9acf8bbfe807f7c1d0ec666ff41bc2db9f679849f03c03",
    }

    assert digests["go-rand-23"] == hashlib.sha256(stream("go-rand-23", 32 << 20)).hexdigest()
    assert (
        digests["sha256-counter"] == hashlib.sha256(stream("sha256-counter", 16 << 20)).hexdigest()
    )


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.source}-{c.polynomial}-{c.target}")
def test_chunks_are_those_of_restic(case: Case) -> None:
    chunks = cut(case)

    assert [length for length, _, _ in case.chunks] == [len(chunk) for chunk in chunks]
    assert [digest for _, _, digest in case.chunks] == [
        hashlib.sha256(chunk).hexdigest()[:16] for chunk in chunks
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.source}-{c.polynomial}-{c.target}")
def test_fingerprints_at_the_cuts_are_those_of_restic(case: Case) -> None:
    for chunk, (_, fingerprint, _) in zip(cut(case)[:-1], case.chunks, strict=False):
        found = rabin_fingerprint(chunk[-64:], int(case.polynomial, 16))

        assert int(fingerprint, 16) == found


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
    polynomial = 0x2482734CACCA49
    chunks = Rabin(polynomial, ChunkSizes(minimum, 4 * KiB, maximum)).chunks(io.BytesIO(data))

    assert [len(chunk) for chunk in chunks] == rabin_cuts(
        data, polynomial, minimum, 4 * KiB, maximum
    )


@pytest.mark.parametrize("polynomial", [0, 1, 0x38F1E565E288DF, 0x7, 1 << 53, -3, 1 << 200 | 1])
def test_a_polynomial_that_cannot_be_restics_is_refused(polynomial: int) -> None:
    with pytest.raises(UnsupportedFormat, match="chunker polynomial"):
        Rabin(polynomial)
