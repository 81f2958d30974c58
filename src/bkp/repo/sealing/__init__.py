"""Name, seal and open blobs in batches: by the system's libraries, or by Python's.

Both ways give the same, and what one seals the other opens.  `native` goes
through a batch without coming back to Python, with the libcrypto and libzstd
of the system; `portable` works wherever bkp can be installed.
"""

import os
from typing import Protocol

from bkp.crypto.seal import Key
from bkp.errors import UsageError
from bkp.formats.compression import Level

from .native import NativeEngine, library_versions, missing_library
from .portable import PortableEngine

VARIABLE = "BKP_SEALING"  # for tests, and to find out whose fault something is

Buffer = bytes | bytearray | memoryview
Piece = tuple[int, int]  # offset and length in bytes


class Engine(Protocol):
    """Works with one key; shareable between threads."""

    def name_each(self, data: Buffer, pieces: list[Piece]) -> bytes:
        """Return the SHA-256 of each piece of `data`, 32 bytes each."""

    def seal_each(
        self, data: Buffer, pieces: list[Piece], *, compress: bool
    ) -> tuple[Buffer, list[int]]:
        """Return each piece sealed, one behind the other, and their lengths; to be used soon.

        They are compressed before if asked to.  An engine that verifies opens
        each again, and raises IntegrityError if that did not give what it was
        made of, which only a broken machine does.
        """

    def open_each(
        self,
        data: Buffer,
        pieces: list[Piece],
        raw_lengths: list[int],
        names: bytes,
        plain: bytearray | memoryview,
    ) -> bytes:
        """Open each piece into `plain`, one behind the other; say 1 for each that is sound, or 0.

        A raw length is that of the plaintext of what is compressed, else 0.
        An engine may say 0 of what is sound, but uncommon.
        """


def choose_engine(key: Key, level: Level, *, verify: bool = True) -> Engine:
    """Return the fastest engine this system has, or the one the environment asks for.

    Raises UsageError for one that cannot be had.
    """
    return (NativeEngine if _is_native() else PortableEngine)(key, level, verify=verify)


def describe_engine() -> str:
    """Say in a line what seals and compresses; raises UsageError as `choose_engine` does."""
    if not _is_native():
        return "portable (cryptography, zstandard)"
    crypto, zstd = library_versions()
    return f"native ({crypto}, zstd {zstd})"


def _is_native() -> bool:
    chosen = os.environ.get(VARIABLE, "")
    if chosen not in {"", "native", "portable"}:
        raise UsageError(f"{VARIABLE}={chosen}: there are native and portable")
    missing = missing_library()
    if chosen == "native" and missing:
        raise UsageError(f"{VARIABLE}={chosen}: this system has no {missing}")
    return chosen != "portable" and not missing
