"""How fast this machine can do, at best, each thing that a backup is made of.

Each is done by the libraries that bkp uses or by bare system calls, on one
core, contents in the page cache; what counts is the processor time of the best
of some tries.  A system call made from Python costs some tenths of a
microsecond more than from C, so a limit counted in files is a little too slow.
Creating files is slow for a while after many were removed: do not run this
right after something that cleaned up.
"""

import hashlib
import io
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import zstandard
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

from bkp.chunking.rabin import Rabin
from bkp.formats.compression import Level, zstd_level
from tools_contents import Noise, Text

KiB = 1 << 10
MiB = 1 << 20
SAMPLE = 64 * MiB
SMALL = 12 * KiB  # a small file
FILES = 5000
TRIES = 7
LEVEL = zstd_level(Level.AUTO)  # as bkp compresses by default
POLYNOMIAL = 0x3DA3358B4DC173


@dataclass(frozen=True, slots=True)
class Rates:
    """Bytes a second of work on contents, and seconds a file of work on files."""

    sha256: float
    rabin: float
    zstd_text: float
    zstd_small: float
    zstd_noise: float
    unzstd_text: float
    seal: float
    read: float
    write: float
    write_synced: float
    stat_seconds: float
    read_file_seconds: float
    create_file_seconds: float


def measure_rates(scratch: Path) -> Rates:
    text, noise = Text(1).take(SAMPLE), Noise(1).take(SAMPLE)
    return Rates(
        sha256=_rate(noise, lambda: hashlib.sha256(noise)),
        rabin=_rate(noise, lambda: _drain(noise)),
        zstd_text=_rate(text, lambda: _compress(text, MiB)),
        zstd_small=_rate(text, lambda: _compress(text, SMALL)),
        zstd_noise=_rate(noise, lambda: _compress(noise, MiB)),
        unzstd_text=_unzstd(text),
        seal=_rate(noise, lambda: _seal(noise)),
        read=_reading(scratch / "read", noise),
        write=_writing(scratch / "written", noise, is_synced=False),
        write_synced=_writing(scratch / "synced", noise, is_synced=True),
        **_files(scratch / "files", text[:SMALL]),
    )


def _best(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Return the processor time of the fastest try: whatever is slower was disturbed."""
    times = []
    for _ in range(TRIES):
        start = clock()
        work()
        times.append(clock() - start)
    return min(times)


def _rate(
    sample: bytes, work: Callable[[], object], clock: Callable[[], float] = time.process_time
) -> float:
    return len(sample) / _best(work, clock)


def _drain(data: bytes) -> None:
    for _ in Rabin(POLYNOMIAL).chunks(io.BytesIO(data)):
        pass


def _pieces(data: bytes, length: int) -> list[memoryview]:
    view = memoryview(data)
    return [view[at : at + length] for at in range(0, len(data), length)]


def _compress(data: bytes, length: int) -> list[bytes]:
    compressor = zstandard.ZstdCompressor(level=LEVEL)
    return [compressor.compress(piece) for piece in _pieces(data, length)]


def _unzstd(text: bytes) -> float:
    compressed = _compress(text, MiB)
    decompressor = zstandard.ZstdDecompressor()
    return _rate(text, lambda: [decompressor.decompress(piece) for piece in compressed])


def _seal(data: bytes) -> None:
    """Encrypt and authenticate by AES-256-CTR and Poly1305, in place."""
    key = bytes(range(32))
    sealed = bytearray(MiB)
    for piece in _pieces(data, MiB):
        encryptor = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()
        encryptor.update_into(piece, sealed)
        Poly1305.generate_tag(key, sealed)


def _reading(path: Path, data: bytes) -> float:
    path.write_bytes(data)
    buffer = bytearray(MiB)

    def read() -> None:
        with open(path, "rb", buffering=0) as stream:
            while stream.readinto(buffer):
                pass

    return _rate(data, read)


def _writing(path: Path, data: bytes, *, is_synced: bool) -> float:
    def write() -> None:
        with open(path, "wb", buffering=0) as stream:
            for piece in _pieces(data, MiB):
                stream.write(piece)
            if is_synced:
                os.fsync(stream.fileno())
        path.unlink()

    # What fsync waits for is no processor time.
    return _rate(data, write, time.perf_counter if is_synced else time.process_time)


def _files(directory: Path, data: bytes) -> dict[str, float]:
    """Return the seconds a file takes to be looked at, to be read, and to be created."""
    names = [str(number) for number in range(FILES)]
    times = []
    for attempt in range(TRIES):
        made = directory / str(attempt)
        made.mkdir(parents=True)
        start = time.process_time()
        for name in names:
            descriptor = os.open(f"{made}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(descriptor, data)
            os.close(descriptor)
        times.append(time.process_time() - start)
    paths = [f"{made}/{name}" for name in names]

    def look() -> None:
        for path in paths:
            os.lstat(path)
            os.listxattr(path, follow_symlinks=False)

    def read() -> None:
        for path in paths:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            os.fstat(descriptor)
            os.read(descriptor, len(data) + 1)
            os.close(descriptor)

    found = {
        "stat_seconds": _best(look) / FILES,
        "read_file_seconds": _best(read) / FILES,
        "create_file_seconds": min(times) / FILES,
    }
    shutil.rmtree(directory)
    return found
