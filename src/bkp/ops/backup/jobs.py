"""Entries on their way into a snapshot, in groups that are worth handing over.

Small files are read and stored by the hundred: for each of them alone, going
to another thread and back would cost more than the file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from bkp.files.reading.smallfiles import is_readable_at_once
from bkp.files.reading.walk import Entry, Step
from bkp.formats.tree import Node

from .contents import Added

_GROUP_BYTES = 1 << 20  # of small files that are read together
_FILE_COST = 8 << 10  # bytes that could be read while a file is opened
_GROUP_JOBS = 1024


class Job(NamedTuple):
    """An entry to save, and what the parent snapshot knows of it.

    `before` is the parent's node of that name.  `node` is the finished node
    if it is that very node again; `unchanged` is the parent's node if the
    contents are as they were, though not all else is.
    """

    entry: Entry
    before: bytes | None
    node: bytes | None = None
    unchanged: Node | None = None


class Saved(NamedTuple):
    """An entry's node as it is stored, and what it added; None if it could not be saved.

    For a directory that is entered it is the head of its node.
    """

    job: Job
    node: bytes | None
    size: int = 0  # bytes of contents
    added: Added = Added()


@dataclass(slots=True)
class Group:
    """Jobs in the order of the walk; `small` are those of small files to be read."""

    jobs: list[Job] = field(default_factory=list)
    small: list[Job] = field(default_factory=list)
    cost: int = 0

    @property
    def is_quick(self) -> bool:
        """Whether no contents in it need to be read."""
        return self.cost == 0

    def add(self, job: Job, small_limit: int) -> bool:
        """Take a further job; say whether it is time to hand the group over."""
        self.jobs.append(job)
        entry, _, node, unchanged = job
        if entry.step is Step.FILE and node is None and unchanged is None:
            size = entry.stat.st_size
            self.cost += size + _FILE_COST
            if size <= small_limit and is_readable_at_once(entry):
                self.small.append(job)
        return self.cost >= _GROUP_BYTES or len(self.jobs) >= _GROUP_JOBS


def grouped(jobs: Iterable[Job], small_limit: int) -> Iterator[Group]:
    """Put jobs into groups; files of more than `small_limit` bytes end theirs."""
    group = Group()
    for job in jobs:
        if group.add(job, small_limit):
            yield group
            group = Group()
    if group.jobs:
        yield group
