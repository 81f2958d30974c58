"""What every chunker promises, whatever its rule."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bkp.chunking import Chunker
from bkp.chunking.fastcdc import FastCDC
from bkp.chunking.fixed import FixedSize
from bkp.chunking.params import ChunkSizes
from bkp.chunking.rabin import Rabin
from reference.streams import sha256_counter

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

KiB = 1 << 10

SMALL = ChunkSizes(minimum=1 * KiB, target=4 * KiB, maximum=12 * KiB)

CHUNKERS: list[Chunker] = [
    Rabin(0x3DA3358B4DC173, SMALL),
    FastCDC(sha256_counter(2048), SMALL),
    FixedSize(4 * KiB + 17),
]

every_chunker = pytest.mark.parametrize("chunker", CHUNKERS, ids=lambda c: type(c).__name__)


class Dribble(io.BytesIO):
    """A stream that returns less than it is asked for, as pipes do, and counts the reads."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        super().__init__(data)
        self._sizes = sizes
        self.asked: list[int] = []

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        room = memoryview(buffer)
        assert len(room) > 0
        self.asked.append(len(room))
        limit = self._sizes[(len(self.asked) - 1) % len(self._sizes)]
        return super().readinto(room[:limit])


class Broken(io.BytesIO):
    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        if self.tell():
            raise OSError("the disk is on fire")
        return super().readinto(buffer)


def lengths(chunks: Iterator[bytes]) -> list[int]:
    return [len(chunk) for chunk in chunks]


@every_chunker
@settings(max_examples=40, deadline=None)
@given(
    length=st.integers(0, 100_000),
    seed=st.integers(0, 3),
    sizes=st.lists(st.integers(1, 40_000), min_size=1, max_size=8),
)
def test_cuts_do_not_depend_on_how_the_stream_is_read(
    chunker: Chunker, length: int, seed: int, sizes: list[int]
) -> None:
    data = (bytes(length // 4) + sha256_counter(1 << 12, seed) * 25)[:length]
    sizes[0] = max(sizes[0], 100)
    whole = list(chunker.chunks(io.BytesIO(data)))

    assert b"".join(whole) == data
    assert b"" not in whole
    assert whole == list(chunker.chunks(Dribble(data, sizes)))


@every_chunker
def test_a_stream_read_byte_by_byte_is_cut_the_same(chunker: Chunker) -> None:
    data = sha256_counter(30_000)

    assert list(chunker.chunks(Dribble(data, [1]))) == list(chunker.chunks(io.BytesIO(data)))


@every_chunker
def test_an_empty_stream_has_no_chunks(chunker: Chunker) -> None:
    assert list(chunker.chunks(io.BytesIO())) == []


@every_chunker
@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 1023])
def test_a_short_stream_is_one_chunk_and_costs_two_small_reads(
    chunker: Chunker, length: int
) -> None:
    stream = Dribble(sha256_counter(length), [1 << 30])

    assert [sha256_counter(length)] == list(chunker.chunks(stream))
    assert len(stream.asked) <= 2
    assert stream.asked[0] <= 64 * KiB


@every_chunker
def test_no_more_is_read_than_the_next_chunk_needs(chunker: Chunker) -> None:
    stream = io.BytesIO(sha256_counter(4 << 20))

    next(chunker.chunks(stream))

    assert stream.tell() <= 64 * KiB


@every_chunker
def test_what_the_stream_raises_passes_through(chunker: Chunker) -> None:
    with pytest.raises(OSError, match="on fire"):
        list(chunker.chunks(Broken(bytes(200 * KiB))))


@every_chunker
def test_one_chunker_serves_many_threads_at_once(chunker: Chunker) -> None:
    streams = [sha256_counter(1 << 18, first) for first in range(6)]
    expected = [lengths(chunker.chunks(io.BytesIO(data))) for data in streams]

    def cut(data: bytes) -> list[int]:
        return lengths(chunker.chunks(io.BytesIO(data)))

    with ThreadPoolExecutor(4) as pool:
        assert expected == list(pool.map(cut, streams))


@pytest.mark.parametrize("chunker", CHUNKERS[:2], ids=lambda c: type(c).__name__)
@settings(max_examples=40, deadline=None)
@given(unit=st.binary(min_size=1, max_size=80), length=st.integers(0, 60_000))
def test_all_chunks_but_the_last_keep_the_bounds(
    chunker: Chunker, unit: bytes, length: int
) -> None:
    data = (unit * (length // len(unit) + 1))[:length]
    sizes = lengths(chunker.chunks(io.BytesIO(data)))

    assert all(SMALL.minimum <= size <= SMALL.maximum for size in sizes[:-1])
    assert all(0 < size <= SMALL.maximum for size in sizes[-1:])


@pytest.mark.parametrize("chunker", CHUNKERS[:2], ids=lambda c: type(c).__name__)
def test_an_insertion_moves_few_cuts(chunker: Chunker) -> None:
    data = sha256_counter(1 << 20)
    edited = data[:500_000] + b"inserted" + data[500_000:]

    before = set(chunker.chunks(io.BytesIO(data)))
    after = set(chunker.chunks(io.BytesIO(edited)))

    assert len(after - before) <= 4


class Waiting(io.BytesIO):
    """A raw stream that must not wait and has nothing yet."""

    def readinto(self, _buffer: "WriteableBuffer", /) -> int:
        return None  # type: ignore[return-value]


@every_chunker
def test_a_stream_with_nothing_yet_is_not_taken_for_its_end(chunker: Chunker) -> None:
    with pytest.raises(BlockingIOError):
        list(chunker.chunks(Waiting()))
