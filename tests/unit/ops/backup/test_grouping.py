"""Groups hold all that is to be saved, in order, and never much more than they should."""

import os
from pathlib import Path

import pytest

from bkp.files.reading.walk import Run, entry_at
from bkp.files.status import look_at_each
from bkp.ops.backup.jobs import AnyJob, Group, Job, SameFiles, SmallFiles, grouped


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Two hundred files of 20 KiB each, holes all of them."""
    names = [b"%03d" % number for number in range(200)]
    for name in names:
        with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:
            file.truncate(20 << 10)
    source = os.fsencode(tmp_path) + b"/"
    return Run(b"/", source, names, look_at_each(source, names), 0, len(names))


def names_of(groups: list[Group]) -> list[bytes]:
    names = []
    for group in groups:
        for job in group.jobs:
            run = job.entry.name if isinstance(job, Job) else job.run
            names += [run] if isinstance(run, bytes) else run.names[run.begin : run.end]
    return names


def test_a_long_run_is_cut_into_groups(run: Run) -> None:
    groups = list(grouped([SmallFiles(run)]))

    assert names_of(groups) == run.names
    assert 4 <= len(groups) <= 8
    assert all(group.cost <= (1 << 20) + (28 << 10) for group in groups)


def test_no_file_is_lost_where_a_run_of_any_length_is_cut(run: Run) -> None:
    for end in range(1, 201):
        groups = list(grouped([SmallFiles(run._replace(end=end))]))
        assert names_of(groups) == run.names[:end]


def test_short_runs_and_single_entries_share_a_group_in_order(run: Run, tmp_path: Path) -> None:
    directory = entry_at(os.fsencode(tmp_path), os.lstat(tmp_path))
    jobs: list[AnyJob] = []
    for row in range(0, 30, 3):
        jobs.append(SmallFiles(run._replace(begin=row, end=row + 2), None))
        jobs.append(Job(directory._replace(name=run.names[row + 2]), None))

    groups = list(grouped(jobs))

    assert names_of(groups) == run.names[:30]
    assert len(groups) == 1
    assert not groups[0].is_quick


def test_what_is_not_read_costs_nothing_but_is_bounded(run: Run) -> None:
    groups = list(grouped([SameFiles(run, b"")] * 60))

    assert all(group.is_quick for group in groups)
    assert [len(group.jobs) for group in groups] == [6] * 10


def test_nothing_makes_no_group() -> None:
    assert list(grouped([])) == []
