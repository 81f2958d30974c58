"""Put what was saved together: trees, counts, and a word about each entry."""

from collections.abc import Iterable

from msgspec import structs

from bkp.errors import Malformed, UsageError
from bkp.events import Change, EntrySaved, FilesSaved, Reporter
from bkp.files.reading.walk import Entry, Step
from bkp.formats.encoded import decode_node
from bkp.formats.filemode import type_of
from bkp.ids import BlobId

from .contents import Added
from .jobs import AnySaved, Saved, SavedFiles
from .tally import Tally
from .treefold import TreeFold


class Assembly:
    """Takes what was saved in the order of the walk and makes one tree of it.

    To `list_entries` needs everything saved singly.
    """

    def __init__(
        self, fold: TreeFold, tally: Tally, report: Reporter, *, list_entries: bool
    ) -> None:
        self._fold = fold
        self._tally = tally
        self._report = report
        self._list_entries = list_entries
        self._entered: list[Saved] = []

    def assemble(self, groups: Iterable[list[AnySaved]]) -> BlobId:
        """Store the trees and return the root; UsageError if nothing is in it."""
        for group in groups:
            self._report(FilesSaved(sum(map(self._take, group))))
        root = self._fold.finish()
        if root is None:
            raise UsageError("nothing to save: the snapshot would be empty")
        return root

    def _take(self, saved: AnySaved) -> int:
        """Take what was saved; say how many entries that are no directories it completes."""
        if isinstance(saved, SavedFiles):
            return self._take_files(saved)
        job, node, size, added = saved
        entry = job.entry
        step = entry.step
        if step is Step.LEAVE:
            self._leave()
        elif node is None:
            return 0
        elif step is Step.ENTER:
            self._fold.enter(entry.name, node)
            self._entered.append(saved)
        else:
            self._fold.add(entry.name, node)
            change = _change(job.before, node)
            if step is Step.FILE:
                self._tally.count_files(1, size, added, change)
            if self._list_entries:
                self._tell(entry, change, size, added)
            return 1
        return 0

    def _take_files(self, saved: SavedFiles) -> int:
        run = saved.run
        self._fold.add_many(run.names[run.begin], run.names[run.end - 1], saved.nodes)
        change = Change.NEW if saved.is_new else Change.UNCHANGED
        self._tally.count_files(run.files, saved.size, saved.added, change)
        return run.files

    def _leave(self) -> None:
        entered = self._entered.pop()
        node, written = self._fold.leave()
        change = _change(entered.job.before, node)
        self._tally.count_directory(change)
        if self._list_entries:
            self._tell(entered.job.entry, change, 0, Added.of(written))

    def _tell(self, entry: Entry, change: Change, size: int, added: Added) -> None:
        kind = type_of(entry.stat.st_mode)
        self._report(
            EntrySaved(entry.path, kind, change, size, added.new_bytes, added.stored_bytes)
        )


def _change(before: bytes | None, after: bytes) -> Change:
    if before is None:
        return Change.NEW
    is_same = before == after or _says_the_same(before, after)
    return Change.UNCHANGED if is_same else Change.CHANGED


def _says_the_same(stored: bytes, made: bytes) -> bool:
    """Compare nodes whose times may be written in different zones."""
    before, after = decode_node(stored), decode_node(made)
    try:
        if (before.mtime_ns, before.atime_ns, before.ctime_ns) != (
            after.mtime_ns,
            after.atime_ns,
            after.ctime_ns,
        ):
            return False
    except Malformed:
        return False
    return before == structs.replace(
        after, mtime=before.mtime, atime=before.atime, ctime=before.ctime
    )
