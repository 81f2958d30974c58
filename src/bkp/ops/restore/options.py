"""What a restore may be asked to do, and what it tells afterwards."""

import os
from dataclasses import dataclass
from enum import Enum
from stat import S_IMODE

from bkp.files.writing.apply import modified
from bkp.files.writing.contents import is_incomplete
from bkp.formats.filemode import from_go
from bkp.formats.tree import Node
from bkp.ops.selection import EVERYTHING, Selection


class Overwrite(Enum):
    """When an entry that is at its place already may be replaced; values are restic's words."""

    ALWAYS = "always"
    IF_CHANGED = "if-changed"  # as always, but trusting size and time of files to be telling
    IF_NEWER = "if-newer"  # if the snapshot's is the newer one
    NEVER = "never"

    def allows(self, node: Node, status: os.stat_result) -> bool:
        """Say whether `node` may replace the entry that has this status.

        What an interrupted restore left incomplete always may be: it is newer
        than the snapshot's, but nobody wants to keep it.
        """
        if is_incomplete(status) and S_IMODE(status.st_mode) != S_IMODE(from_go(node.mode)):
            return True
        if self is Overwrite.NEVER:
            return False
        if self is Overwrite.IF_NEWER:
            time = modified(node)
            return time is not None and time > status.st_mtime_ns
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOptions:
    """How to restore.

    `delete` removes from the target what the snapshot does not have, as far
    as `selection` covers it, and lets files take the place of directories
    that are not empty.  `dry_run` changes nothing and reports what would
    have been done.  `verify` reads every file back after it was written.
    `sparse` leaves long runs of zeros unwritten in new files.  `list_entries`
    reports EntryRestored for each.
    """

    selection: Selection = EVERYTHING
    overwrite: Overwrite = Overwrite.ALWAYS
    delete: bool = False
    dry_run: bool = False
    verify: bool = False
    sparse: bool = True
    list_entries: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreStats:
    """What a restore did; the fields are those of restic's summary, and `problems`.

    Entries of all types count as files.  What was right already or may not
    be replaced is skipped, and in no total.  With any problem the restore is
    incomplete.
    """

    total_files: int
    files_restored: int
    files_skipped: int
    files_deleted: int
    total_bytes: int
    bytes_restored: int
    bytes_skipped: int
    problems: int
