"""Making many new files at once, where each is one piece of contents and nothing special.

For a small file the way from Python to the system and back costs more than
the system itself, so a whole batch goes there in one call.  What is not plain
in any way is left to `contents` and `apply`, which can finish it or say why
not.  The rules are theirs: nothing that exists is touched, no link followed,
and a file that is not complete bears the mark of one.
"""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from bkp._native.writefiles import write_files

from .apply import PlainAttributes
from .contents import TargetFile
from .sparse import HOLE
from .target import Directory, Identity, Target

_DIRECTORIES = 32  # open for one call, in each thread


class Outcome(Enum):
    """How far a file is."""

    NOT_MADE = 0  # nothing was done
    COMPLETE = 1
    WRITTEN = 2  # its contents are there, but not all of its attributes
    MADE = 3  # some of its contents may be missing


class NewFile(NamedTuple):
    """A file to be made; `piece` is offset and length in bytes of its contents.

    Without attributes it is only written.
    """

    to: TargetFile
    piece: tuple[int, int]
    attributes: PlainAttributes | None


def write_new_files(
    target: Target,
    files: Sequence[NewFile],
    data: bytes | bytearray | memoryview,
    *,
    sparse: bool,
) -> list[Outcome]:
    """Make files whose contents are pieces of `data`, and say how far each is.

    One that was made but is not complete is marked as such, and `found` of
    its TargetFile is set: the writer of contents takes over.
    """
    outcomes: list[Outcome] = []
    for part in _parts(files):
        with target.reach_each(file.to.directory for file in part) as reached:
            outcomes += _write(part, reached, data, HOLE if sparse else 0)
    return outcomes


def _parts(files: Sequence[NewFile]) -> Iterator[Sequence[NewFile]]:
    """Split files where too many directories would have to be open."""
    start = 0
    seen: set[Directory] = set()
    for at, file in enumerate(files):
        directory = file.to.directory
        if directory not in seen:
            if len(seen) == _DIRECTORIES:
                yield files[start:at]
                start = at
                seen.clear()
            seen.add(directory)
    if start < len(files):
        yield files[start:]


_Row = tuple[int, bytes, int, int, tuple[int, int, int, int, int] | None]

_OUTCOMES = tuple(Outcome)


def _write(
    files: Sequence[NewFile],
    reached: dict[Directory, int],
    data: bytes | bytearray | memoryview,
    hole: int,
) -> list[Outcome]:
    # A directory that cannot be opened is -1, in which nothing can be made.
    rows: list[_Row] = [
        (reached.get(to.directory, -1), to.name, offset, length, attributes)
        for to, (offset, length), attributes in files
    ]
    outcomes, unfinished = write_files(data, rows, hole)
    for at, identity in unfinished.items():
        to = files[at].to
        to.found = Identity(*identity)
        to.is_opened = True
    return [_OUTCOMES[outcome] for outcome in outcomes]
