"""Turn a function that finds the next cut into one that cuts a stream.

What is read lies in one buffer, which grows to the largest chunk and a read
more.  A chunk is copied out of it, and what follows moves to its beginning.
"""

from collections.abc import Callable, Iterator

from . import Stream

FIRST_READ = 64 << 10  # most files fit; a larger buffer would be made for nothing
NEXT_READ = 512 << 10

FindCut = Callable[[bytearray, int, int], int]
"""Given a buffer, how many bytes of the stream since the last cut it begins
with, and how many of them were searched before (0 at first), return the length
of the chunk that they begin with; 0 if that cannot be told before more is
read."""


def cut_stream(stream: Stream, find_cut: FindCut) -> Iterator[bytes]:
    """Yield the chunks of a stream; its end ends the last one."""
    held = bytearray(FIRST_READ)
    length = searched = 0
    wanted = FIRST_READ
    while count := _read(stream, held, length, wanted):
        # A short read is mostly the last but one, which needs no large buffer to find the end.
        wanted = NEXT_READ if count == wanted else FIRST_READ
        length += count
        while cut := find_cut(held, length, searched):
            with memoryview(held) as view:
                chunk = view[:cut].tobytes()
                view[: length - cut] = view[cut:length]
            length -= cut
            searched = 0
            yield chunk
        searched = length
    if length:
        yield bytes(memoryview(held)[:length])


def _read(stream: Stream, held: bytearray, length: int, wanted: int) -> int:
    """Read behind what is held, and make room for that if need be."""
    if len(held) - length < wanted:
        held.extend(bytes(max(NEXT_READ, len(held) // 4)))
    with memoryview(held) as view, view[length : length + wanted] as room:
        count = stream.readinto(room)
    if count is None:  # a raw stream that must not wait; taking that for the end would lose data
        raise BlockingIOError("the stream has nothing to read yet; it must be a blocking one")
    return count
