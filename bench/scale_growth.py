"""Measure growth: one step at growing counts, of files in a tree or snapshots in a repository.

All through the command line, a process for each step.  Only the many
snapshots that a repository has before the next is measured are taken in one
process, by bkp as a library.
"""

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bkp
from scale_trees import grow, write
from tools_contenders import PASSWORD, Contender, Place, Words, environment
from tools_data import read_all
from tools_process import Job, measure, output
from tools_proof import trees

FILES, SNAPSHOTS = "files", "snapshots"
NAME = "tree"
FEW = 200  # files in the tree that gets many snapshots


@dataclass(frozen=True, slots=True)
class Point:
    """What one step of one tool cost with so many files or snapshots."""

    subject: str
    step: str
    tool: str
    count: int
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


def measure_files(
    contenders: list[Contender], scratch: Path, counts: list[int], say: Callable[[str], None]
) -> Iterator[Point]:
    """Yield the costs of the first and the unchanged snapshot, restore and check of each tree."""
    tree = scratch / NAME
    tree.mkdir()
    variables = _surroundings(scratch)
    have = 0
    for count in counts:
        say(f"making {count} files")
        grow(tree, have, count)
        have = count
        made: list[Place] = []
        for tool in contenders:
            say(f"{count} files: {tool.name}")
            place = Place(scratch, NAME, scratch / f"{tool.name}-{count}")
            target = scratch / f"restored-{place.repository.name}"
            target.mkdir()
            output(tool.job(tool.init, place), variables)
            steps = (
                ("first snapshot", tool.snapshot),
                ("unchanged snapshot", tool.snapshot),
                ("restore", tool.restore),
                ("check, all data read", tool.check),
            )
            for step, words in steps:
                read_all(tree)
                job = tool.job(words, place, target=target)
                yield _point(FILES, step, tool, count, job, variables)
            made.append(place)
        _prove(contenders, made, variables, say)
    shutil.rmtree(tree)  # restored trees stay: see what tools_rounds says about ext4


def measure_snapshots(
    contenders: list[Contender], scratch: Path, counts: list[int], say: Callable[[str], None]
) -> Iterator[Point]:
    """Yield the costs of looking at, adding to, and checking one repository as it grows.

    All tools work on the same repository, made by bkp; the tree changes by
    one file from each snapshot to the next.
    """
    tree = scratch / NAME
    tree.mkdir()
    grow(tree, 0, FEW)
    variables = _surroundings(scratch)
    place = Place(scratch, NAME, scratch / "many-snapshots")
    have = 0
    os.environ["XDG_CACHE_HOME"] = variables["XDG_CACHE_HOME"]  # for the library, as for the rest
    repo = bkp.init_repository(place.repository, PASSWORD)
    for count in counts:
        say(f"taking snapshots up to {count}")
        repo.load_index()  # what the tools have stored since
        while have < count:
            have += 1
            write(f"{tree}/000/00000/0000000", f"state {have}\n".encode())
            with contextlib.chdir(scratch):  # as the tools are run, or it is no parent of theirs
                bkp.snapshot(repo, [NAME])
        for tool in contenders:
            # The first look fills a tool's cache, and is the price of a new machine.
            output(tool.job(tool.snapshots, place), variables)
            steps: tuple[tuple[str, Words], ...] = (
                ("list", tool.snapshots),
                ("further snapshot", tool.snapshot),
                ("check, all data read", tool.check),
            )
            for step, words in steps:
                say(f"{count} snapshots: {tool.name}, {step}")
                yield _point(SNAPSHOTS, step, tool, count, tool.job(words, place), variables)
            have += 1
    shutil.rmtree(tree)


def _point(
    subject: str, step: str, tool: Contender, count: int, job: Job, variables: dict[str, str]
) -> Point:
    cost = measure(job, variables)
    return Point(
        *(subject, step, tool.name, count),
        *(cost.wall_seconds, cost.cpu_seconds, cost.peak_bytes),
    )


def _prove(
    contenders: list[Contender],
    made: list[Place],
    variables: dict[str, str],
    say: Callable[[str], None],
) -> None:
    """Let restic read bkp's repository and compare the tree ids, if restic takes part."""
    names = [tool.name for tool in contenders]
    if "bkp" not in names or "restic" not in names:
        return
    say("proving")
    restic = contenders[names.index("restic")]
    ours, theirs = made[names.index("bkp")], made[names.index("restic")]
    output(restic.job(restic.check, ours), variables)
    program = restic.version[0]
    if (a := trees(program, variables, ours.repository)) != (
        b := trees(program, variables, theirs.repository)
    ):
        sys.exit(f"tree ids of bkp and restic differ: {a} {b}")


def _surroundings(scratch: Path) -> dict[str, str]:
    (scratch / "home").mkdir(exist_ok=True)
    return environment(scratch)
