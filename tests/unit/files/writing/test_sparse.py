from hypothesis import given
from hypothesis import strategies as st

from bkp.files.writing.sparse import HOLE, data_runs

PIECES = st.lists(
    st.one_of(
        st.builds(bytes, st.integers(0, 3 * HOLE)),
        st.binary(min_size=1, max_size=50),
    ),
    max_size=8,
).map(b"".join)


@given(PIECES, st.integers(0, 3 * HOLE))
def test_what_is_in_no_run_is_zero(data: bytes, offset: int) -> None:
    rebuilt = bytearray(len(data))
    for start, end in data_runs(data, offset):
        rebuilt[start:end] = data[start:end]

    assert rebuilt == data


@given(PIECES, st.integers(0, 3 * HOLE))
def test_no_run_covers_a_whole_block_of_zeros(data: bytes, offset: int) -> None:
    for start, end in data_runs(data, offset):
        assert start < end
        first = start + -(offset + start) % HOLE
        for block in range(first, end - HOLE + 1, HOLE):
            assert any(data[block : block + HOLE])


def test_zeros_that_begin_and_end_within_blocks_are_no_run() -> None:
    assert list(data_runs(bytes(3 * HOLE), 5)) == []


def test_blocks_lie_at_multiples_in_the_file_rather_than_in_the_piece() -> None:
    data = bytes(HOLE - 1) + b"x" + bytes(HOLE)

    assert list(data_runs(data, 1)) == [(HOLE - 1, 2 * HOLE - 1)]


def test_data_without_zeros_is_one_run() -> None:
    assert list(data_runs(b"x" * (3 * HOLE + 7), 11)) == [(0, 3 * HOLE + 7)]
