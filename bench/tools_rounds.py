"""Measure the tools in turn, round after round, on one kind of data.

Within a round every tool takes one step, then every tool the next, each round
beginning with another tool, so that a slow moment hits all alike.  Before
every step what it reads is brought into the page cache, names and inodes too:
otherwise the disk is measured, and the first tool pays for the next ones.
"""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools_contenders import Contender, Place, Words, environment
from tools_data import Data, read_all, size_of, touch_memory
from tools_process import Cost, Job, measure, output

FIRST, UNCHANGED, CHANGED = "first snapshot", "unchanged snapshot", "1 % changed"
ALL_VERSIONS, RESTORE, CHECK = "all versions", "restore", "check, all data read"
STEPS = (FIRST, UNCHANGED, CHANGED, ALL_VERSIONS, RESTORE, CHECK)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One step of one tool in one round; `stored_bytes` is the repository's size after it."""

    data: str
    step: str
    tool: str
    round: int
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Round:
    """What one round leaves on disk, to be looked at before it is removed."""

    data: Data
    number: int
    places: dict[str, Place]
    targets: dict[str, Path]
    environment: dict[str, str]


def measure_rounds(
    data: Data,
    contenders: list[Contender],
    rounds: int,
    inspect: Callable[[Round], None],
    say: Callable[[str], None],
) -> Iterator[Measurement]:
    """Yield what is measured; call `inspect` at the end of each round."""
    changes = Counter[str]()  # of the data, over all rounds: no state of it comes twice
    for number in range(rounds):
        scratch = data.directory.parent.parent / f"{data.name}-round-{number}"
        leaving = _prepare(data, number, contenders, scratch)
        turn = number % len(contenders)
        in_turn = contenders[turn:] + contenders[:turn]
        for measurement in _round(leaving, in_turn, changes):
            say(f"{data.name}, round {number + 1} of {rounds}: {measurement.step}")
            yield measurement
        inspect(leaving)
        # Only now: for a while after many files were removed, ext4 takes up to three times
        # as long to create new ones, and the next tool's restore would pay for that.
        shutil.rmtree(scratch)
        os.sync()


def _prepare(data: Data, number: int, contenders: list[Contender], scratch: Path) -> Round:
    """Make the repositories; that of restic comes first, and bkp takes its polynomial."""
    repositories = scratch / "repositories"
    for directory in (repositories, scratch / "home", scratch / "caches"):
        directory.mkdir(parents=True)
    variables = environment(scratch)
    places: dict[str, Place] = {}
    targets: dict[str, Path] = {}
    for contender in sorted(contenders, key=lambda tool: tool.name != "restic"):
        name = contender.name.replace(" | ", "-").replace(" ", "-")
        place = Place(data.directory.parent, data.name, repositories / name)
        if contender.init:
            options = contender.like_restic if "restic" in places else ()
            like = places["restic"].repository if "restic" in places else ""
            output(contender.job((*contender.init, *options), place, like=like), variables)
        places[contender.name] = place
        targets[contender.name] = scratch / "restored" / name
        targets[contender.name].mkdir(parents=True)
    return Round(data, number, places, targets, variables)


def _round(
    leaving: Round, contenders: list[Contender], changes: Counter[str]
) -> Iterator[Measurement]:
    tools = [contender for contender in contenders if not contender.is_limit]
    data = leaving.data
    if data.versions > 1:
        newest = data.versions - 1
        yield from _all_versions(leaving, tools, changes)
        ready = tools
    else:
        newest = 2
        yield from _snapshots(leaving, FIRST, contenders, 0)
        yield from _snapshots(leaving, UNCHANGED, tools, 1)
        _change(data, changes)
        yield from _snapshots(leaving, CHANGED, tools, 2)
        ready = contenders
    for step in (RESTORE, CHECK):
        for contender in ready:
            words = contender.restore if step is RESTORE else contender.check
            if words:
                read_all(leaving.places[contender.name].repository)
                yield _measured(leaving, step, contender, words, newest)


def _snapshots(
    leaving: Round, step: str, contenders: list[Contender], number: int
) -> Iterator[Measurement]:
    for contender in contenders:
        read_all(leaving.data.directory)
        yield _measured(leaving, step, contender, contender.snapshot, number)


def _all_versions(
    leaving: Round, tools: list[Contender], changes: Counter[str]
) -> Iterator[Measurement]:
    """Yield for each tool the cost of one snapshot after another, the data changing between."""
    costs: dict[str, Cost] = {}
    for number in range(leaving.data.versions):
        if number:
            _change(leaving.data, changes)
        for tool in tools:
            read_all(leaving.data.directory)
            cost = _cost(leaving, tool, tool.snapshot, number)
            costs[tool.name] = costs[tool.name] + cost if number else cost
    for tool in tools:
        yield _measurement(leaving, ALL_VERSIONS, tool, costs[tool.name])


def _change(data: Data, changes: Counter[str]) -> None:
    changes[data.name] += 1
    data.change(changes[data.name])


def _measured(
    leaving: Round, step: str, contender: Contender, words: Words, number: int
) -> Measurement:
    return _measurement(leaving, step, contender, _cost(leaving, contender, words, number))


def _cost(leaving: Round, contender: Contender, words: Words, number: int) -> Cost:
    target = leaving.targets[contender.name]
    place = leaving.places[contender.name]
    job = contender.job(words, place, number=number, target=target)
    if words == contender.restore:
        job = Job(job.command, target)  # some can only restore to where they are
    touch_memory(place.repository.parent, leaving.data.total_bytes)
    return measure(job, leaving.environment)


def _measurement(leaving: Round, step: str, contender: Contender, cost: Cost) -> Measurement:
    stored = size_of(leaving.places[contender.name].repository)
    return Measurement(
        *(leaving.data.name, step, contender.name, leaving.number),
        *(cost.wall_seconds, cost.cpu_seconds, cost.peak_bytes, stored),
    )
