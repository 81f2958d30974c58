"""Store entries: their metadata, and the contents of files, several at once."""

import os
from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace

from bkp.errors import SourceError
from bkp.events import BytesRead, FileStarted, Problem, Reporter
from bkp.files.reading.metadata import NodeReader
from bkp.files.reading.opening import open_file
from bkp.files.reading.walk import Entry, Step
from bkp.formats.tree import Node
from bkp.repo.writer import Written
from bkp.workers import ordered_map

from .contents import Added, ContentWriter

_READERS = os.cpu_count() or 2
_AHEAD = 256  # entries in flight: small files finish out of order behind a large one

# Files below this are saved by the thread that walks.  On two cores, handing each of 54 000
# small files to a worker took twice the CPU time in all, which went into fighting for the GIL.
_WORTH_A_WORKER = 256 << 10


@dataclass(frozen=True, slots=True)
class Job:
    """An entry to save: the parent's node of that name, and if it is unchanged, it again."""

    entry: Entry
    before: Node | None
    unchanged: Node | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """An entry's node, or None if it could not be saved, and what it added."""

    job: Job
    node: Node | None
    added: Added = Added()

    def with_tree(self, written: Written) -> "Saved":
        """Return this directory with its tree counted."""
        return replace(self, added=Added.sum([written]))


class EntrySaver:
    """Turns jobs into nodes."""

    def __init__(self, contents: ContentWriter, nodes: NodeReader, report: Reporter) -> None:
        self._contents = contents
        self._nodes = nodes
        self._report = report

    def save_all(self, jobs: Iterable[Job]) -> Generator[Saved, None, None]:
        """Store entries side by side and yield them in order; to be closed.

        What cannot be read is reported and has no node.
        """
        return ordered_map(
            self._save,
            jobs,
            threads=_READERS,
            ahead=_AHEAD,
            is_quick=_is_quick,
            abandon=self._contents.abandon,
        )

    def _save(self, job: Job) -> Saved:
        entry = job.entry
        if entry.step is Step.LEAVE:
            return Saved(job, None)
        try:
            if job.unchanged is not None:
                return self._take_over(job, job.unchanged)
            if entry.is_file:
                return self._save_file(job)
            return Saved(job, self._nodes.read(entry))
        except SourceError as error:
            self._report(Problem("archival", error.path, str(error)))
            return Saved(job, None)

    def _take_over(self, job: Job, unchanged: Node) -> Saved:
        node = self._nodes.read(job.entry)
        node.content = unchanged.content
        node.size = unchanged.size
        self._report(BytesRead(node.size))
        return Saved(job, node)

    def _save_file(self, job: Job) -> Saved:
        entry = job.entry
        self._report(FileStarted(entry.source))
        with open_file(entry) as opened:
            node = self._nodes.read(entry, opened.stat)
            contents = self._contents.write(opened.stream)
        node.content = contents.chunks
        node.size = contents.size
        return Saved(job, node, contents.added)


def _is_quick(job: Job) -> bool:
    entry = job.entry
    return job.unchanged is not None or not entry.is_file or entry.stat.st_size < _WORTH_A_WORKER
