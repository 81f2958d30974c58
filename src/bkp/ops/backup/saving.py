"""Store entries: their metadata, and the contents of files, several groups at once."""

import os
from collections.abc import Generator, Iterable, Iterator

from bkp.errors import SourceError
from bkp.events import BytesRead, FileFinished, FileStarted, Problem, Reporter
from bkp.files.reading.metadata import NodeReader
from bkp.files.reading.opening import open_file
from bkp.files.reading.smallfiles import read_small_files
from bkp.files.reading.walk import Step
from bkp.files.status import EMPTY, FULL, UNREAD
from bkp.formats.encoded import encode_node, with_content
from bkp.repo.writer import Written
from bkp.workers import ordered_map

from .contents import Added, ContentWriter
from .jobs import (
    AnyJob,
    AnySaved,
    Group,
    Job,
    SameFiles,
    Saved,
    SavedFiles,
    SmallFiles,
    grouped,
)

# More than there are cores, for what is not in memory must be waited for.
_READERS = 2 * (os.cpu_count() or 2)
_AHEAD = 32  # groups in flight: small files finish out of order behind a large one


class EntrySaver:
    """Turns jobs into nodes."""

    def __init__(self, contents: ContentWriter, nodes: NodeReader, report: Reporter) -> None:
        self._contents = contents
        self._nodes = nodes
        self._report = report

    def save_all(self, jobs: Iterable[AnyJob]) -> Generator[list[AnySaved], None, None]:
        """Store entries side by side and yield them in order, group by group; to be closed.

        What cannot be read is reported and has no node.
        """
        return ordered_map(
            self._save_group,
            grouped(jobs),
            threads=_READERS,
            ahead=_AHEAD,
            is_quick=lambda group: group.is_quick,
            abandon=self._contents.abandon,
        )

    def _save_group(self, group: Group) -> list[AnySaved]:
        small = iter(self._save_small([job for job in group.jobs if isinstance(job, SmallFiles)]))
        results: list[AnySaved] = []
        again = 0  # bytes
        for job in group.jobs:
            if isinstance(job, SameFiles):
                same = SavedFiles(job.run, job.nodes, is_new=False)
                again += same.size
                results.append(same)
            elif isinstance(job, SmallFiles):
                results += next(small)
            else:
                results.append(self._save(job))
        if again:
            self._report(BytesRead(again))
        return results

    def _save_small(self, jobs: list[SmallFiles]) -> Iterator[list[AnySaved]]:
        """Read and store the files of all jobs together, and yield what became of each job."""
        if not jobs:
            return
        run = jobs[0].run
        source = run.source + run.names[run.begin]
        self._report(FileStarted(source))
        batch = read_small_files([job.run for job in jobs])
        written = self._contents.write_pieces(batch.data, batch.pieces)
        self._report(BytesRead(sum(length for _, length in batch.pieces)))
        self._report(FileFinished(source))
        at = blobs = 0
        for job in jobs:
            verdicts = batch.verdicts[at : at + job.run.files]
            own = written[blobs : blobs + verdicts.count(FULL)]
            yield self._saved_small(job, verdicts, own)
            at += job.run.files
            blobs += len(own)

    def _saved_small(
        self, job: SmallFiles, verdicts: bytes, written: list[Written]
    ) -> list[AnySaved]:
        run, before = job
        if before is None and UNREAD not in verdicts:
            nodes = self._nodes.nodes_of_files(run, b"".join([blob.id for blob in written]))
            if nodes is not None:
                return [SavedFiles(run, nodes, is_new=True, added=Added.sum(written))]
        blobs = iter(written)
        return [
            self._saved_alone(Job(entry, before), verdict, blobs)
            for entry, verdict in zip(run.entries(), verdicts, strict=True)
        ]

    def _saved_alone(self, job: Job, verdict: int, written: Iterator[Written]) -> Saved:
        """Make the node of a file that is not plain, or save it after all if it was not read."""
        if verdict == UNREAD:
            return self._save(job)
        head = self._nodes.head(job.entry)
        if verdict == EMPTY:
            return Saved(job, with_content(head, b""))
        blob = next(written)
        return Saved(job, with_content(head, blob.id), job.entry.stat.st_size, Added.of(blob))

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
                contents = self._contents.write(opened.stream, opened.stat.st_size)
        finally:
            self._report(FileFinished(entry.source))
        node.content = contents.chunks
        node.size = contents.size
        return Saved(job, encode_node(node), contents.size, contents.added)
