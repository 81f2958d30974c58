"""Sizes are read as restic reads them."""

import pytest

from bkp.errors import UsageError
from bkp.files.selection.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("17", 17), ("17b", 17), ("1k", 1024), ("3M", 3 << 20), ("2G", 2 << 30),
     ("1t", 1 << 40), ("+5", 5), ("9223372036854775807", (1 << 63) - 1)],
)  # fmt: skip
def test_a_size_is_a_number_and_a_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "k", "-1", "1.5M", "1 k", "1_0", "1kb", "9223372036854775808", "9999999T", "٣"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="invalid size"):
        parse_size(text)
