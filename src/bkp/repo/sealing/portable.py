"""Seal by the Python packages `cryptography` and `zstandard`, piece by piece."""

from hashlib import sha256

from bkp.crypto.seal import OVERHEAD, Key, Sealer
from bkp.errors import IntegrityError
from bkp.formats import compression
from bkp.formats.compression import Level

_Buffer = bytes | bytearray | memoryview


class PortableEngine:
    """The Engine of any system."""

    def __init__(self, key: Key, level: Level, *, verify: bool) -> None:
        self._sealer = Sealer(key)
        self._level = level
        self._verify = verify

    def name_each(self, data: _Buffer, pieces: list[tuple[int, int]]) -> bytes:
        """Name each piece; see Engine."""
        view = memoryview(data)
        return b"".join(
            sha256(view[offset : offset + length]).digest() for offset, length in pieces
        )

    def seal_each(
        self, data: _Buffer, pieces: list[tuple[int, int]], *, compress: bool
    ) -> tuple[bytes, list[int]]:
        """Seal each piece; see Engine."""
        view = memoryview(data)
        sealed = [
            self._seal(view[offset : offset + length], compress=compress)
            for offset, length in pieces
        ]
        return b"".join(sealed), list(map(len, sealed))

    def _seal(self, plain: memoryview, *, compress: bool) -> bytes:
        sealed = bytes(
            self._sealer.seal(compression.compress(plain, self._level) if compress else plain)
        )
        if self._verify and not self._opens(sealed, plain, compress=compress):
            raise broken_machine("a blob")
        return sealed

    def _opens(self, sealed: bytes, plain: memoryview, *, compress: bool) -> bool:
        again: _Buffer = self._sealer.unseal(sealed)
        if compress:
            again = compression.decompress(again, len(plain))
        return again == plain

    def open_each(
        self,
        data: _Buffer,
        pieces: list[tuple[int, int]],
        raw_lengths: list[int],
        names: bytes,
        plain: bytearray | memoryview,
    ) -> bytes:
        """Open each piece; see Engine."""
        view, to = memoryview(data), memoryview(plain)
        verdicts = bytearray()
        start = 0
        for number, ((offset, length), raw_length) in enumerate(
            zip(pieces, raw_lengths, strict=True)
        ):
            name = names[32 * number : 32 * number + 32]
            size = raw_length or max(0, length - OVERHEAD)
            opened = self._open(view[offset : offset + length], raw_length, name)
            if opened is not None:
                to[start : start + size] = opened
            verdicts.append(opened is not None)
            start += size
        return bytes(verdicts)

    def _open(self, sealed: memoryview, raw_length: int, name: bytes) -> _Buffer | None:
        try:
            opened: _Buffer = self._sealer.unseal(sealed)
            if raw_length:
                opened = compression.decompress(opened, raw_length)
        except IntegrityError:
            return None
        is_sound = len(opened) == raw_length or not raw_length
        return opened if is_sound and sha256(opened).digest() == name else None


def broken_machine(what: str) -> IntegrityError:
    """Return the error for what changed while it was being sealed."""
    return IntegrityError(
        f"{what} changed while it was being sealed, before it was stored; "
        "nothing bad was written, but this machine's memory or CPU is not to be trusted"
    )
