"""Progress and problems, as values handed to one callable.

Operations tell what they are doing by calling `report` with one of the
frozen records below.  The command line draws them; a library's caller may
ignore them with `ignore`.  `report` may be called from several threads at
once, must return quickly and must not raise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Change(Enum):
    """How an entry compares with the parent snapshot."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Scanned:
    """Totals of the scan that runs ahead of a snapshot; bytes are of files' contents."""

    files: int
    dirs: int
    bytes: int
    is_finished: bool


@dataclass(frozen=True, slots=True)
class FileStarted:
    """A file's contents are being read; `source` is its path on disk.

    Of many small files that are read together only the first is told of.
    """

    source: bytes


@dataclass(frozen=True, slots=True)
class FileFinished:
    """A file that was started is read, or given up."""

    source: bytes


@dataclass(frozen=True, slots=True)
class BytesRead:
    """So many further bytes of contents were read, or taken over unread."""

    count: int


@dataclass(frozen=True, slots=True)
class FilesSaved:
    """So many further entries that are no directories are part of the snapshot."""

    count: int


@dataclass(frozen=True, slots=True)
class EntrySaved:
    """An entry is part of the snapshot now; `path` is its place there.

    Told only to who asks for it, for with many entries it costs time.
    `data_bytes` and `stored_bytes` count only what was new to the repository:
    plaintext, and what it takes when sealed.
    """

    path: bytes
    type: str
    change: Change
    size: int
    data_bytes: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class EntryExcluded:
    """An entry was left out because the user asked for it."""

    path: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    """Something could not be read, written or trusted; the run goes on.

    `path` is on disk, or in the repository for what is wrong there.

    `during` is the name of what is done, or one of "scan", "archival",
    "listing" (of what is in a snapshot), "snapshots" and "keys" (listing
    those), and "index" (reading it).
    """

    during: str
    path: bytes
    message: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth a line to a person: a lock that was removed, a wait."""

    message: str


@dataclass(frozen=True, slots=True)
class RestorePlanned:
    """What a restore is going to write."""

    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class EntryRestored:
    """An entry of the target is as it must be; `action` is restic's word for how.

    "restored", "updated", "unchanged" or "deleted".  Told only to who asks for
    it, for with many entries it costs time.
    """

    path: bytes
    action: str
    size: int


@dataclass(frozen=True, slots=True)
class EntriesRestored:
    """So many further entries of those planned are as they must be."""

    count: int


@dataclass(frozen=True, slots=True)
class BytesRestored:
    """So many further bytes of contents were written, or found right already."""

    count: int


@dataclass(frozen=True, slots=True)
class Checked:
    """Progress of a check; `what` says which of its stages this is."""

    what: str
    done: int
    total: int


Event = (
    Scanned
    | FileStarted
    | FileFinished
    | BytesRead
    | FilesSaved
    | EntrySaved
    | EntryExcluded
    | Problem
    | Notice
    | RestorePlanned
    | EntriesRestored
    | EntryRestored
    | BytesRestored
    | Checked
)

Reporter = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Do nothing with an event."""
