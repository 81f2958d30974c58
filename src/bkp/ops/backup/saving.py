"""Store entries: their metadata, and the contents of files, several groups at once."""

import os
from collections.abc import Generator, Iterable

from bkp.errors import SourceError
from bkp.events import BytesRead, FileFinished, FileStarted, Problem, Reporter
from bkp.files.reading.metadata import NodeReader
from bkp.files.reading.opening import open_file
from bkp.files.reading.smallfiles import read_small_files
from bkp.files.reading.walk import Step
from bkp.formats.encoded import encode_node, with_content
from bkp.workers import ordered_map

from .contents import Added, ContentWriter
from .jobs import Group, Job, Saved, grouped

# More than there are cores, for what is not in memory must be waited for.
_READERS = 2 * (os.cpu_count() or 2)
_AHEAD = 32  # groups in flight: small files finish out of order behind a large one
_SMALL = 512 << 10  # bytes; what is larger is worth a thread of its own


class EntrySaver:
    """Turns jobs into nodes."""

    def __init__(self, contents: ContentWriter, nodes: NodeReader, report: Reporter) -> None:
        self._contents = contents
        self._nodes = nodes
        self._report = report

    def save_all(self, jobs: Iterable[Job]) -> Generator[list[Saved], None, None]:
        """Store entries side by side and yield them in order, group by group; to be closed.

        What cannot be read is reported and has no node.
        """
        return ordered_map(
            self._save_group,
            grouped(jobs, min(_SMALL, self._contents.uncut)),
            threads=_READERS,
            ahead=_AHEAD,
            is_quick=lambda group: group.is_quick,
            abandon=self._contents.abandon,
        )

    def _save_group(self, group: Group) -> list[Saved]:
        read = self._save_small_files(group.small)
        again = 0  # bytes
        results = []
        for job in group.jobs:
            if job.node is not None:
                size = job.entry.stat.st_size
                results.append(Saved(job, job.node, size))
                again += size
            else:
                results.append(read.get(job.entry.path) or self._save(job))
        if again:
            self._report(BytesRead(again))
        return results

    def _save_small_files(self, jobs: list[Job]) -> dict[bytes, Saved]:
        """Store all that are plain, and return them by path."""
        if not jobs:
            return {}
        source = jobs[0].entry.source
        self._report(FileStarted(source))
        data, pieces = read_small_files([job.entry for job in jobs])
        written = iter(self._contents.write_pieces(data, [p for p in pieces if p and p[1]]))
        saved = {}
        total = 0
        for job, piece in zip(jobs, pieces, strict=True):
            if piece is None:
                continue
            head = self._nodes.head(job.entry)
            size = piece[1]
            if size:
                blob = next(written)
                total += size
                saved[job.entry.path] = Saved(
                    job, with_content(head, blob.id), size, Added.of(blob)
                )
            else:
                saved[job.entry.path] = Saved(job, with_content(head, b""))
        self._report(BytesRead(total))
        self._report(FileFinished(source))
        return saved

    def _save(self, job: Job) -> Saved:
        entry = job.entry
        try:
            if entry.step is Step.ENTER:
                return Saved(job, self._nodes.head(entry))
            if entry.step is Step.LEAVE:
                return Saved(job, None)
            if job.unchanged is not None:
                return self._take_over(job)
            if entry.is_file:
                return self._save_file(job)
            return Saved(job, encode_node(self._nodes.read(entry)))
        except SourceError as error:
            self._report(Problem("archival", error.path, str(error)))
            return Saved(job, None)

    def _take_over(self, job: Job) -> Saved:
        assert job.unchanged is not None
        node = self._nodes.read(job.entry)
        node.content = job.unchanged.content
        node.size = job.unchanged.size
        self._report(BytesRead(node.size))
        return Saved(job, encode_node(node), node.size)

    def _save_file(self, job: Job) -> Saved:
        entry = job.entry
        self._report(FileStarted(entry.source))
        try:
            with open_file(entry) as opened:
                node = self._nodes.read(entry, opened.stat)
                contents = self._contents.write(opened.stream)
        finally:
            self._report(FileFinished(entry.source))
        node.content = contents.chunks
        node.size = contents.size
        return Saved(job, encode_node(node), contents.size, contents.added)
