"""Zstandard frames: compress a blob, and unfold one without being blown up.

What is written is one frame with its content size and no checksum (the seal
and the SHA-256 say more).  Any sequence of frames is read, whoever made them.
Safe to use from several threads.
"""

import threading
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

import zstandard

from bkp.errors import Malformed

_SKIPPABLE = range(0x184D2A50, 0x184D2A60)  # magic numbers
_SKIPPABLE_HEADER = 8  # bytes: magic, length
_BLOCK_HEADER = 3  # bytes: last? 1 bit, type 2 bits, size 21 bits
_RUN_LENGTH_BLOCK, _COMPRESSED_BLOCK = 1, 2
_LEAST_COMPRESSED = 2  # bytes: a header of literals, one of sequences
_MAX_BLOCK = 128 << 10  # bytes one block can unfold to, by the format

# zstd's own limit; its streaming encoders ask for so much at their highest levels.
_MAX_WINDOW = 128 << 20


class Level(Enum):
    """How hard to compress, by restic's names.

    OFF is about data blobs alone, and is for the caller to act upon: whatever
    is compressed nevertheless is compressed as by AUTO.
    """

    OFF = "off"
    FASTEST = "fastest"
    AUTO = "auto"
    BETTER = "better"
    MAX = "max"


# The levels of zstd that come nearest to those of the Go library restic uses.
_ZSTD_LEVELS = {Level.OFF: 2, Level.FASTEST: 1, Level.AUTO: 2, Level.BETTER: 7, Level.MAX: 11}

_Buffer = bytes | bytearray | memoryview


def zstd_level(level: Level) -> int:
    """Return the level by zstd's own numbers."""
    return _ZSTD_LEVELS[level]


class _Contexts(threading.local):
    """What zstd wants to be one per thread."""

    def __init__(self) -> None:
        self.compressors: dict[Level, zstandard.ZstdCompressor] = {}
        self.decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)

    def compressor(self, level: Level) -> zstandard.ZstdCompressor:
        if level not in self.compressors:
            self.compressors[level] = zstandard.ZstdCompressor(level=_ZSTD_LEVELS[level])
        return self.compressors[level]


_contexts = _Contexts()


def compress(plain: _Buffer, level: Level) -> bytes:
    """Return one frame that unfolds to `plain`; longer than it if it does not compress."""
    return _contexts.compressor(level).compress(plain)


def decompress(data: _Buffer, limit: int) -> bytes:
    """Unfold all frames in `data`, which together must not exceed `limit` bytes.

    What a frame says about its size is believed only as far as the limit and
    its blocks allow, so no more memory than that is taken.  Raises Malformed
    for more than the limit, a damaged or missing frame, a frame that is not as
    long as it says, and anything that is no frame.
    """
    parts: list[bytes] = []
    left = limit
    for frame in _frames(memoryview(data)):
        if frame.size is not None and frame.size > left:
            raise Malformed(f"zstd: unfolds to more than {limit} bytes")
        size = max(1, min(frame.bound, left))  # 0 would mean that there is no limit
        try:
            part = _unfold(frame, size)
        except zstandard.ZstdError as error:
            raise Malformed(f"zstd: within {limit} bytes: {error}") from error
        left -= len(part)
        if left < 0:
            raise Malformed(f"zstd: unfolds to more than {limit} bytes")
        parts.append(part)
    if not parts:
        raise Malformed("zstd: no frame")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unfold(frame: "_Frame", room: int) -> bytes:
    if frame.size != 0:
        return _contexts.decompressor.decompress(frame.data, max_output_size=room)
    # There the library takes a frame's word for it, whatever is in its blocks.
    with _contexts.decompressor.stream_reader(frame.data) as reader:
        if reader.read(1):
            raise Malformed("zstd: a frame unfolds to more than it says")
    return b""


class _Frame(NamedTuple):
    """The bytes of a frame, its plaintext's size if it says so, and what that is at most."""

    data: memoryview
    size: int | None
    bound: int


def _frames(data: memoryview) -> Iterator[_Frame]:
    """Split a sequence of frames (RFC 8878, 3.1), passing over skippable ones."""
    while data:
        if int.from_bytes(data[:4], "little") in _SKIPPABLE:
            end = _SKIPPABLE_HEADER + int.from_bytes(data[4:_SKIPPABLE_HEADER], "little")
            if end > len(data):
                raise Malformed("zstd: ends inside a frame")
        else:
            frame = _first_frame(data)
            end = len(frame.data)
            yield frame
        data = data[end:]


def _first_frame(data: memoryview) -> _Frame:
    try:
        header = zstandard.get_frame_parameters(data)
        end = zstandard.frame_header_size(data)
    except zstandard.ZstdError as error:
        raise Malformed(f"zstd: {error}") from error
    most = min(header.window_size, _MAX_BLOCK)
    bound = 0
    is_last = False
    while not is_last:
        block = int.from_bytes(data[end : end + _BLOCK_HEADER], "little")
        is_last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
        least = _LEAST_COMPRESSED if kind == _COMPRESSED_BLOCK else 0
        if not least <= size <= most:
            raise Malformed("zstd: a block is shorter or longer than any of its frame can be")
        end += _BLOCK_HEADER + (1 if kind == _RUN_LENGTH_BLOCK else size)
        bound += most if kind == _COMPRESSED_BLOCK else size
        if end > len(data):
            raise Malformed("zstd: ends inside a frame")
    end += 4 * header.has_checksum
    if end > len(data):
        raise Malformed("zstd: ends inside a frame")
    if header.content_size == zstandard.CONTENTSIZE_UNKNOWN:
        return _Frame(data[:end], None, bound)
    if header.content_size > bound:
        raise Malformed("zstd: a frame promises more than its blocks can hold")
    return _Frame(data[:end], header.content_size, header.content_size)
