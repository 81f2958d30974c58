"""Sizes as people write them: a number and a unit."""

import re

from bkp.errors import UsageError

_SIZE = re.compile(r"([+-]?[0-9]+)([bBkKmMgGtT]?)", re.ASCII)
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_MAX = (1 << 63) - 1  # restic's limit, the largest a file can be


def parse_size(text: str) -> int:
    """Return the bytes that a size such as `10M` means; K, M, G and T are powers of 1024.

    Raises UsageError if it means none.
    """
    match = _SIZE.fullmatch(text)
    size = int(match[1]) * _UNITS[match[2].lower()] if match else -1
    if not 0 <= size <= _MAX:
        raise UsageError(f"invalid size {text!r}: give a number, and after it one of K, M, G, T")
    return size
