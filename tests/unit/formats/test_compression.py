"""Frames, and what must not get out of them."""

import subprocess
import sys
import threading
import tracemalloc

import pytest
import zstandard

from bkp.errors import Malformed
from bkp.formats.compression import Level, compress, decompress

PLAIN = b"abc" * 1000
MIB = 1 << 20


def frame(
    plain: bytes = PLAIN, *, write_checksum: bool = False, write_content_size: bool = True
) -> bytes:
    compressor = zstandard.ZstdCompressor(
        level=19, write_checksum=write_checksum, write_content_size=write_content_size
    )
    return compressor.compress(plain)


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("plain", [b"", b"a", PLAIN, bytes(3 * MIB)])
def test_frames_say_their_size_and_have_no_checksum(level: Level, plain: bytes) -> None:
    data = compress(plain, level)

    parameters = zstandard.get_frame_parameters(data)
    assert parameters.content_size == len(plain)
    assert not parameters.has_checksum
    assert decompress(data, len(plain)) == plain


@pytest.mark.parametrize("checksum", [False, True])
@pytest.mark.parametrize("size", [False, True])
def test_frames_of_any_kind_are_read(checksum: bool, size: bool) -> None:
    data = frame(write_checksum=checksum, write_content_size=size)

    assert decompress(data, len(PLAIN)) == PLAIN


def test_several_frames_are_one_plaintext() -> None:
    skippable = b"\x5a\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"xyz"
    data = frame() + skippable + frame(write_content_size=False) + frame(b"")

    assert decompress(data, 2 * len(PLAIN)) == 2 * PLAIN
    with pytest.raises(Malformed):
        decompress(data, 2 * len(PLAIN) - 1)


@pytest.mark.parametrize("size", [False, True])
@pytest.mark.parametrize("limit", [0, 1, len(PLAIN) - 1])
def test_more_than_the_limit_is_malformed(limit: int, size: bool) -> None:
    with pytest.raises(Malformed):
        decompress(frame(write_content_size=size), limit)


def test_one_byte_is_more_than_none() -> None:
    with pytest.raises(Malformed, match="more than 0"):
        decompress(frame(b"a", write_content_size=False), 0)


@pytest.mark.parametrize("size", [False, True])
def test_every_truncation_is_malformed(size: bool) -> None:
    data = frame(write_checksum=True, write_content_size=size)

    for length in range(len(data)):
        with pytest.raises(Malformed):
            decompress(data[:length], len(PLAIN))


@pytest.mark.parametrize("garbage", [b"\0", b"garbage", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"])
def test_trailing_garbage_is_malformed(garbage: bytes) -> None:
    with pytest.raises(Malformed):
        decompress(frame() + garbage, MIB)


def test_frame_that_lies_about_its_size_is_malformed() -> None:
    honest = frame(b"x" * 200)
    at = honest.index(200, 4)

    for lie in (199, 201, 100, 255):
        with pytest.raises(Malformed):
            decompress(honest[:at] + bytes((lie,)) + honest[at + 1 :], MIB)


@pytest.mark.parametrize("block", [b"\x2b\0\0x", b"\x09\0\0x", b"\x05\0\0", b"\x07\0\0"])
@pytest.mark.parametrize("header", [b"\x20\0", b"\x80\x58\0\0\0\0"])
def test_frame_that_says_it_is_empty_and_is_not_is_malformed(header: bytes, block: bytes) -> None:
    # Of one segment, and with a window; a run of 5, one byte, and blocks that are none.
    with pytest.raises(Malformed):
        decompress(b"\x28\xb5\x2f\xfd" + header + block, 5)
    assert decompress(b"\x28\xb5\x2f\xfd" + header + b"\x01\0\0", 5) == b""


def test_promise_without_blocks_takes_no_memory() -> None:
    # Single segment, 8-byte content size of 2^62, one empty last block.
    data = b"\x28\xb5\x2f\xfd\xe0" + (1 << 62).to_bytes(8, "little") + b"\x01\x00\x00"

    with pytest.raises(Malformed):
        decompress(data, 1 << 63)


def test_blocks_of_nothing_take_no_memory() -> None:
    data = b"\x28\xb5\x2f\xfd\0\x58" + b"\0\0\0" * 20_000 + b"\x01\0\0"
    tracemalloc.start()

    assert decompress(data, 1 << 30) == b""

    assert tracemalloc.get_traced_memory()[1] < MIB
    tracemalloc.stop()


@pytest.mark.parametrize(("window", "size"), [(0x58, (128 << 10) + 1), (0x00, 1025)])
def test_block_longer_than_its_frame_can_have_is_malformed(window: int, size: int) -> None:
    def run_of(length: int) -> bytes:
        header = b"\x28\xb5\x2f\xfd\x80" + bytes((window,)) + length.to_bytes(4, "little")
        return header + (length << 3 | 0b011).to_bytes(3, "little") + b"x"

    assert decompress(run_of(size - 1), MIB) == b"x" * (size - 1)
    with pytest.raises(Malformed, match="longer"):
        decompress(run_of(size), MIB)


@pytest.mark.parametrize("block", [b"\x05\0\0", b"\x0d\0\0\0", b"\x04\0\0\x01\0\0"])
def test_compressed_block_too_short_to_be_one_is_malformed(block: bytes) -> None:
    # Of none of which the library complains if it unfolds little by little.
    with pytest.raises(Malformed, match="shorter"):
        decompress(b"\x28\xb5\x2f\xfd\0\x58" + block, MIB)


_BOMB = """
import resource, sys, zstandard
from bkp.errors import Malformed
from bkp.formats.compression import decompress
packer = zstandard.ZstdCompressor(write_content_size=bool(int(sys.argv[1]))).compressobj(
    size=(1 << 30) if int(sys.argv[1]) else -1)
bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decompress(bomb, 1 << 20)
except Malformed:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("says_size", ["0", "1"])
def test_bomb_takes_no_more_memory_than_the_limit(says_size: str) -> None:
    # In a process of its own, whose peak nothing else has raised before.
    ended = subprocess.run(
        [sys.executable, "-c", _BOMB, says_size], capture_output=True, text=True, check=True
    )

    assert int(ended.stdout) < 16 * 1024  # KiB; the limit is 1 MiB, the bomb 1 GiB


def test_threads_do_not_disturb_each_other() -> None:
    plains = [bytes([number]) * 500_000 + str(number).encode() for number in range(8)]
    wrong: list[int] = []

    def work(plain: bytes) -> None:
        for level in Level:
            if decompress(compress(plain, level), len(plain)) != plain:
                wrong.append(plain[0])

    threads = [threading.Thread(target=work, args=(plain,)) for plain in plains]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
