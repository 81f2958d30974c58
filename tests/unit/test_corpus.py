"""Shapes that decoders must take, or refuse, each kept as a file that says what it is.

Among them is whatever was found by trying: see tests/property/test_decoders.py.
"""

from pathlib import Path

import pytest

from decoders import DECODERS

CORPUS = Path(__file__).parents[1] / "corpus"
ACCEPTED, REFUSED = "accepted", "refused"
FILES = sorted(path.relative_to(CORPUS) for path in CORPUS.rglob("*") if path.is_file())


@pytest.mark.parametrize("file", FILES, ids=str)
def test_each_is_accepted_or_refused_as_declared(file: Path) -> None:
    decoder, verdict, _ = file.parts

    is_accepted = DECODERS[decoder]((CORPUS / file).read_bytes())

    assert is_accepted == (verdict == ACCEPTED)


def test_there_are_both_for_every_decoder() -> None:
    assert {file.parts[:2] for file in FILES} == {
        (decoder, verdict) for decoder in DECODERS for verdict in (ACCEPTED, REFUSED)
    }
