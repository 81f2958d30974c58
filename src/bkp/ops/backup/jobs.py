"""What is to be saved, in groups that are worth handing over.

Small files are read and stored by the hundred: for each of them alone, going
to another thread and back would cost more than the file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from bkp.files.reading.walk import Entry, Run, Step
from bkp.formats.tree import Node

from .contents import Added

_GROUP_BYTES = 1 << 20  # of files that are read together
_FILE_COST = 8 << 10  # bytes that could be read while a file is opened
_GROUP_ENTRIES = 1024


class Job(NamedTuple):
    """An entry to save by itself, and what the parent snapshot knows of it.

    `before` is the parent's node of that name; `unchanged` is that node too
    if the contents are as they were, though not all else is.
    """

    entry: Entry
    before: bytes | None
    unchanged: Node | None = None


class SmallFiles(NamedTuple):
    """Files to be read together, each one chunk; `before` is the parent's node if it is one."""

    run: Run
    before: bytes | None = None


class SameFiles(NamedTuple):
    """Files that are as the parent has them, with its nodes, joined as in a tree."""

    run: Run
    nodes: bytes


AnyJob: TypeAlias = Job | SmallFiles | SameFiles


class Saved(NamedTuple):
    """An entry's node as it is stored, and what it added; None if it could not be saved.

    For a directory that is entered it is the head of its node.
    """

    job: Job
    node: bytes | None
    size: int = 0  # bytes of contents
    added: Added = Added()


class SavedFiles(NamedTuple):
    """The nodes of files, joined as in a tree; none of them has another one before, or all."""

    run: Run
    nodes: bytes
    is_new: bool
    added: Added = Added()

    @property
    def size(self) -> int:
        """Bytes of contents."""
        return self.run.statuses.total_size(self.run.begin, self.run.end)


AnySaved: TypeAlias = Saved | SavedFiles


@dataclass(slots=True)
class Group:
    """Jobs in the order of the walk."""

    jobs: list[AnyJob] = field(default_factory=list)
    entries: int = 0
    cost: int = 0  # bytes to read, and what else takes as long

    @property
    def is_quick(self) -> bool:
        """Whether no contents in it need to be read."""
        return self.cost == 0

    @property
    def is_full(self) -> bool:
        """Whether it is time to hand it over."""
        return self.cost >= _GROUP_BYTES or self.entries >= _GROUP_ENTRIES

    def add(self, job: AnyJob) -> None:
        """Take a further job."""
        self.jobs.append(job)
        if isinstance(job, Job):
            self.entries += 1
            if job.entry.step is Step.FILE and job.unchanged is None:
                self.cost += job.entry.stat.st_size + _FILE_COST
        else:
            self.entries += job.run.files

    def add_some(self, job: SmallFiles) -> SmallFiles | None:
        """Take as many of these files as there is room for; return the others."""
        run = job.run
        room = _GROUP_BYTES - self.cost
        end = run.statuses.fitting(run.begin, run.end, _FILE_COST, room)
        taken = run._replace(end=end)
        self.add(SmallFiles(taken, job.before))
        self.cost += run.statuses.total_size(run.begin, end) + _FILE_COST * taken.files
        return SmallFiles(run._replace(begin=end)) if end < run.end else None


def grouped(jobs: Iterable[AnyJob]) -> Iterator[Group]:
    """Put jobs into groups."""
    group = Group()
    for job in jobs:
        left: SmallFiles | None = None
        if isinstance(job, SmallFiles):
            left = group.add_some(job)
        else:
            group.add(job)
        while left is not None or group.is_full:
            yield group
            group = Group()
            left = group.add_some(left) if left is not None else None
    if group.jobs:
        yield group
