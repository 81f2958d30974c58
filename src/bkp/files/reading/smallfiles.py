"""Read many small files at once, if they are still what the walk met.

For a small file the way from Python to the system and back costs more than
the system itself, so the whole batch goes there in one call.  Whatever is not
plain in any way is left to `opening`, which can say why.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bkp.files.status import read_files

from .walk import Run


class Batch(NamedTuple):
    """Contents of files.

    `verdicts` says of each file whether it is UNREAD, EMPTY or FULL (see
    status), and `pieces` where in `data` those are that are full, by offset
    and length.
    """

    data: bytearray
    verdicts: bytes
    pieces: list[tuple[int, int]]


def read_small_files(runs: Sequence[Run]) -> Batch:
    """Read regular files whole; memory is the sum of their sizes.

    Those that were read are exactly as the walk met them: their status holds
    for what was read.
    """
    return Batch(
        *read_files([(run.source, run.names, run.statuses, run.begin, run.end) for run in runs])
    )
