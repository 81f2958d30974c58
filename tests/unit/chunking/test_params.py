import pytest

from bkp.chunking.params import DEFAULT_SIZES, ChunkSizes
from bkp.errors import UnsupportedFormat

KiB = 1 << 10
MiB = 1 << 20


def test_the_defaults_are_those_of_restic() -> None:
    assert ChunkSizes(512 * KiB, 1 * MiB, 8 * MiB) == DEFAULT_SIZES


@pytest.mark.parametrize(
    ("minimum", "target", "maximum"),
    [(64, 4 * KiB, 4 * KiB), (64 * MiB, 64 * MiB, 64 * MiB), (1021 * KiB, 1 * MiB, 3 * MiB + 1)],
)
def test_sizes_within_the_bounds_are_taken(minimum: int, target: int, maximum: int) -> None:
    sizes = ChunkSizes(minimum, target, maximum)

    assert (minimum, target, maximum) == (sizes.minimum, sizes.target, sizes.maximum)


@pytest.mark.parametrize(
    ("minimum", "target", "maximum", "complaint"),
    [
        (64, 2 * KiB, 8 * MiB, "chunk size 2048 is not"),
        (64, 0, 8 * MiB, "chunk size 0 is not"),
        (64, -4096, 8 * MiB, "chunk size -4096 is not"),
        (64, 5 * KiB, 8 * MiB, "power of two"),
        (63, 4 * KiB, 8 * MiB, "minimum chunk size 63"),
        (-1, 4 * KiB, 8 * MiB, "minimum chunk size -1"),
        (4 * KiB + 1, 4 * KiB, 8 * MiB, "minimum chunk size 4097"),
        (64, 8 * KiB, 8 * KiB - 1, "maximum chunk size 8191"),
        (64, 8 * KiB, 64 * MiB + 1, "maximum chunk size 67108865"),
        (64, 1 << 70, 1 << 71, "maximum chunk size"),
    ],
)
def test_absurd_sizes_are_refused(minimum: int, target: int, maximum: int, complaint: str) -> None:
    with pytest.raises(UnsupportedFormat, match=complaint):
        ChunkSizes(minimum, target, maximum)
