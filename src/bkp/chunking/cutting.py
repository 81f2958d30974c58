"""Turn a function that finds the next cut into one that cuts a stream.

Holds the bytes of the chunk being looked for and at most one read more.
"""

from collections.abc import Callable, Iterator
from typing import BinaryIO

FIRST_READ = 64 << 10  # most files fit; a larger buffer would be made for nothing
NEXT_READ = 512 << 10

FindCut = Callable[[bytearray, int], int]
"""Given the stream since the last cut, and how much of it was searched before
(0 at first), return the length of the chunk it begins with; 0 if that cannot
be told before more is read."""


def cut_stream(stream: BinaryIO, find_cut: FindCut) -> Iterator[bytes]:
    """Yield the chunks of a stream; its end ends the last one."""
    held = bytearray()
    searched = 0
    size = FIRST_READ
    while block := _read(stream, size):
        # A short read is mostly the last but one, which needs no large buffer to find the end.
        size = NEXT_READ if len(block) == size else FIRST_READ
        held += block
        while cut := find_cut(held, searched):
            with memoryview(held) as view:
                chunk = view[:cut].tobytes()
            del held[:cut]
            searched = 0
            yield chunk
        searched = len(held)
    if held:
        yield bytes(held)


def _read(stream: BinaryIO, size: int) -> bytes:
    block: bytes | None = stream.read(size)
    if block is None:  # a raw stream that must not wait; taking that for the end would lose data
        raise BlockingIOError("the stream has nothing to read yet; it must be a blocking one")
    return block
