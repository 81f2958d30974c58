"""Read many small files at once, if they are still what the walk met.

For a small file the way from Python to the system and back costs more than
the system itself, so the whole batch goes there in one call.  Whatever is not
plain in any way is left to `opening`, which can say why.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bkp.files.reach import LONGEST
from bkp.files.status import Status, read_files

from .walk import Entry


class Batch(NamedTuple):
    """Some files' contents: for each the piece (offset, length) of `data`, or None if unread."""

    data: bytearray
    pieces: list[tuple[int, int] | None]


def is_readable_at_once(entry: Entry) -> bool:
    """Say whether a file may be given to `read_small_files`."""
    return isinstance(entry.stat, Status) and len(entry.source) <= LONGEST


def read_small_files(entries: Sequence[Entry]) -> Batch:
    """Read regular files whole; memory is the sum of their sizes.

    Those that were read are exactly as the walk met them: their status holds
    for what was read.
    """
    data, verdicts = read_files([(entry.source, entry.stat) for entry in entries])
    pieces: list[tuple[int, int] | None] = []
    offset = 0
    for entry, is_read in zip(entries, verdicts, strict=True):
        size = entry.stat.st_size
        pieces.append((offset, size) if is_read else None)
        offset += size + 1
    return Batch(data, pieces)
