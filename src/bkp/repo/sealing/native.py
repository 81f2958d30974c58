"""Seal by the libcrypto and libzstd of the system, a batch in one native call."""

import os
import threading

from bkp._native.envelope import Altered, Engine, library_versions, missing_library
from bkp.crypto.seal import IV_SIZE, Key
from bkp.formats.compression import Level, zstd_level

from .portable import broken_machine

# More at once than there are cores would take memory, some 20 MB each, and no less time.
_AT_ONCE = (os.cpu_count() or 1) + 1

__all__ = ["NativeEngine", "library_versions", "missing_library"]


class NativeEngine:
    """The Engine of systems with OpenSSL 3 and zstd; ValueError without them."""

    def __init__(self, key: Key, level: Level, *, verify: bool) -> None:
        self._engine = Engine(key.encrypt, key.k, key.r, zstd_level(level), verify)
        self._slots = threading.BoundedSemaphore(_AT_ONCE)
        self.name_each = self._engine.name_each
        self.open_each = self._engine.open_each

    def seal_each(
        self, data: bytes | bytearray | memoryview, pieces: list[tuple[int, int]], *, compress: bool
    ) -> tuple[memoryview, list[int]]:
        """Seal each piece under an IV of its own; see Engine."""
        ivs = os.urandom(IV_SIZE * len(pieces))
        with self._slots:
            try:
                return self._engine.seal_each(data, pieces, compress, ivs)
            except Altered:
                raise broken_machine("a blob") from None
