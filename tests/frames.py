"""Zstandard frames put together by hand, well or badly (RFC 8878, 3.1).

An encoder writes only what it believes in.  Here a frame may say any size,
window and dictionary, and consist of any blocks.
"""

from dataclasses import dataclass

import zstandard
from hypothesis import strategies as st

MAGIC = b"\x28\xb5\x2f\xfd"
RAW, RUN, COMPRESSED, RESERVED = range(4)  # types of blocks
MAX_BLOCK = 128 << 10  # bytes that one unfolds to
CHECKED = 4  # the flag of a frame that ends in a checksum


@dataclass(frozen=True)
class Block:
    """`size` is what it says of itself: bytes stored, or how long a run is."""

    kind: int
    size: int
    data: bytes
    plain: bytes = b""  # what it unfolds to, if it does

    def stored(self, *, is_last: bool) -> bytes:
        return (self.size << 3 | self.kind << 1 | is_last).to_bytes(3, "little") + self.data


def raw(plain: bytes) -> Block:
    return Block(RAW, len(plain), plain, plain)


def run(size: int) -> Block:
    return Block(RUN, size, b"r", b"r" * size)


def compressed(plain: bytes) -> Block:
    """Return the one block that an encoder makes of up to 128 KiB."""
    frame = zstandard.ZstdCompressor().compress(plain)
    start = zstandard.frame_header_size(frame)
    said = int.from_bytes(frame[start : start + 3], "little")
    return Block(said >> 1 & 3, said >> 3, frame[start + 3 :], plain)


def frame(
    *blocks: Block,
    size: int | None = None,
    size_bytes: int = 8,
    window: int | None = 0x58,
    dictionary: bytes = b"",
    flags: int = 0,
) -> bytes:
    """Return a frame.

    Without `window` it is of one segment, and only then its size may have one
    byte, or else 2, 4 or 8; it may be any number.  The id of a dictionary has
    up to 4 bytes.  `flags` are the other bits of the descriptor.
    """
    size_code = 0 if size is None else (1, 2, 4, 8).index(size_bytes)
    descriptor = flags | size_code << 6 | (window is None) << 5 | (0, 1, 2, 3, 3)[len(dictionary)]
    parts = [MAGIC, bytes((descriptor,)), dictionary]
    if window is not None:
        parts.insert(2, bytes((window,)))
    if size is not None:
        stored = size - 256 if size_bytes == 2 else size
        parts.append((stored % 256**size_bytes).to_bytes(size_bytes, "little"))
    parts += [one.stored(is_last=number == len(blocks)) for number, one in enumerate(blocks, 1)]
    if flags & CHECKED:
        parts.append(checksum(b"".join(one.plain for one in blocks)))
    return b"".join(parts)


def checksum(plain: bytes) -> bytes:
    """Return what is behind the last block of a frame that has a checksum."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(plain)[-4:]


def skippable(data: bytes, *, number: int = 0, size: int | None = None) -> bytes:
    """Return a frame to be passed over; `size` is what it says."""
    said = len(data) if size is None else size
    return bytes((0x50 + number,)) + b"\x2a\x4d\x18" + said.to_bytes(4, "little") + data


# ---- strategies ----

_plains = st.sampled_from([b"", b"a", b"abc" * 100, bytes(range(256)) * 4, bytes(MAX_BLOCK)])
_run_lengths = st.sampled_from([0, 1, 1000, MAX_BLOCK])
_plain_blocks = _plains.map(raw) | _run_lengths.map(run)
_compressed_blocks = _plains.map(compressed)
_junk = st.binary(max_size=20)
_bad_blocks = st.one_of(
    st.builds(Block, st.sampled_from([RAW, COMPRESSED, RESERVED]), st.integers(0, 30), _junk),
    _junk.map(lambda data: Block(COMPRESSED, len(data), data)),
    st.builds(Block, st.just(RUN), _run_lengths, _junk),
    st.sampled_from([run(MAX_BLOCK + 1), run(2**21 - 1)]),
)
_blocks = st.integers(0, 9).flatmap(
    lambda n: _bad_blocks if n == 0 else _plain_blocks | _compressed_blocks
)
_sizes = st.sampled_from([0, 1, 2**16, 2**20, 2**20 + 1, 2**30, 2**32 - 1, 2**63, 2**64 - 1])


@st.composite
def good_frames(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A frame, and what it unfolds to."""
    # Only one is compressed, for it begins with the state that a frame begins with.
    blocks = draw(st.lists(_plain_blocks, max_size=3))
    blocks.insert(draw(st.integers(0, len(blocks))), draw(_compressed_blocks))
    plain = b"".join(one.plain for one in blocks)
    window = draw(st.sampled_from([None, 0x58, 0x88]))
    holding = [4, 8]
    if len(plain) < 256 and window is None:
        holding.append(1)
    if 256 <= len(plain) < 256 + 2**16:
        holding.append(2)
    packed = frame(
        *blocks,
        size=len(plain) if window is None else draw(st.sampled_from([None, len(plain)])),
        size_bytes=draw(st.sampled_from(holding)),
        window=window,
        dictionary=draw(st.sampled_from([b"", b"", b"\0", b"\0\0"])),
        flags=draw(st.sampled_from([0, CHECKED, 16])),
    )
    return packed, plain


@st.composite
def _frames(draw: st.DrawFn) -> bytes:
    blocks = draw(st.lists(_blocks, max_size=4))
    if draw(st.integers(0, 20)) == 0:
        blocks = [one for one in blocks if len(one.plain) < 2000] * 200
    length = sum(len(one.plain) for one in blocks)
    window = draw(st.sampled_from([None, None, 0x00, 0x58, 0x80, 0x88, 0x89, 0xA8, 0xFF]))
    size_bytes = draw(st.sampled_from([1, 2, 4, 8] if window is None else [2, 4, 8]))
    known = st.just(length) if window is None else st.sampled_from([None, length])
    wrong = _sizes | st.sampled_from([length + 1, abs(length - 1)])
    return frame(
        *blocks,
        size=draw(st.integers(0, 4).flatmap(lambda n: wrong if n == 0 else known)),
        size_bytes=size_bytes,
        window=window,
        dictionary=draw(st.sampled_from([b""] * 9 + [b"\0", b"\7", b"\0\0", b"\1\2\3\4"])),
        flags=draw(st.sampled_from([0, 0, 0, CHECKED, CHECKED, 8, 16])),
    )


_skippable = st.builds(
    lambda data, number, more: skippable(data, number=number, size=len(data) + more),
    _junk,
    st.integers(0, 15),
    st.sampled_from([0, 0, 0, 0, 1, 2**31]),
)
_encoded = st.builds(
    lambda plain, level, checked, sized: zstandard.ZstdCompressor(
        level=level, write_checksum=checked, write_content_size=sized
    ).compress(plain),
    _plains | st.binary(max_size=3000),
    st.sampled_from([-5, 1, 3, 19]),
    st.booleans(),
    st.booleans(),
)
sequences = st.lists(_frames() | _encoded | _skippable, min_size=1, max_size=4).map(b"".join)
"""Frames one behind the other, most of them good."""
