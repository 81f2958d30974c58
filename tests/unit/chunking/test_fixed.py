import io

import pytest

from bkp.chunking.fixed import FixedSize
from bkp.errors import UnsupportedFormat


@pytest.mark.parametrize(
    ("length", "expected"),
    [(0, []), (1, [1]), (8000, [8000]), (8001, [8000, 1]), (16000, [8000, 8000])],
)
def test_chunks_have_the_size_and_the_last_one_the_rest(length: int, expected: list[int]) -> None:
    chunks = FixedSize(8000).chunks(io.BytesIO(bytes(length)))

    assert expected == [len(chunk) for chunk in chunks]


@pytest.mark.parametrize("size", [-1, 0, 4095, (64 << 20) + 1])
def test_absurd_sizes_are_refused(size: int) -> None:
    with pytest.raises(UnsupportedFormat, match="chunk size"):
        FixedSize(size)
