"""Summarise rounds: medians, ratios of what was measured in the same round, targets."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tools_rounds import (
    CHECK,
    FIRST,
    RESTORE,
    STEPS,
    UNCHANGED,
    Measurement,
)

Value = Callable[[Measurement], float]
MANY = 100_000  # files that the targets for small files are about


@dataclass(frozen=True, slots=True)
class About:
    """What a kind of data consisted of."""

    name: str
    files: int
    total_bytes: int
    random_share: float
    versions: int


@dataclass(slots=True)
class Results:
    """Everything measured in one run, and on what."""

    machine: str
    date: str
    versions: dict[str, str]
    data: list[About]
    proofs: list[str]
    measurements: list[Measurement]


@dataclass(frozen=True, slots=True)
class Row:
    """Medians of one tool at one step; ratios are its median ratio to bkp, None for bkp itself."""

    data: str
    step: str
    tool: str
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: float
    stored_bytes: float
    wall_ratio: float | None
    cpu_ratio: float | None
    peak_ratio: float | None
    stored_ratio: float | None


@dataclass(frozen=True, slots=True)
class Target:
    """A target and what was reached; `reached` is None where it was not measured."""

    work: str
    wanted: str
    reached: float | None
    is_met: bool


def wall(one: Measurement) -> float:
    return one.wall_seconds


def cpu(one: Measurement) -> float:
    return one.cpu_seconds


def peak(one: Measurement) -> float:
    return one.peak_bytes


def stored(one: Measurement) -> float:
    return one.stored_bytes


def rows(measurements: list[Measurement]) -> list[Row]:
    """Return one row for each data, step and tool, in the order of the steps."""
    found = []
    tools = dict.fromkeys(one.tool for one in measurements)
    for data in dict.fromkeys(one.data for one in measurements):
        for step in STEPS:
            for tool in tools:
                cell = [one for one in measurements if _cell(one) == (data, step, tool)]
                if cell:
                    found.append(_row(measurements, cell))
    return found


def ratio(
    measurements: Iterable[Measurement],
    cell: tuple[str, str],
    pair: tuple[str, str],
    value: Value,
) -> float | None:
    """Return the median over the rounds of one tool's value to the other's in the same round."""
    first, second = pair
    rounds: dict[int, dict[str, float]] = {}
    for one in measurements:
        if (one.data, one.step) == cell and one.tool in pair:
            rounds.setdefault(one.round, {})[one.tool] = value(one)
    pairs = [both[first] / both[second] for both in rounds.values() if len(both) == 2]
    return statistics.median(pairs) if pairs else None


def targets(results: Results) -> list[Target]:
    """Return each row of the targets with the ratio reached; for restic, the slowest data."""
    counts = [about.files for about in results.data if about.name in ("small", "trees")]
    is_few = counts and max(counts) < MANY
    label = "small files (too few of them)" if is_few else "small files"
    found = results.measurements

    def speed(step: str, *data: str) -> float | None:
        return _worst(min, [ratio(found, (d, step), ("restic", "bkp"), wall) for d in data])

    tar = [ratio(found, (d, FIRST), ("bkp", "tar | zstd"), wall) for d in ("small", "trees")]
    every = list(dict.fromkeys((one.data, one.step) for one in found))
    sizes = [ratio(found, cell, ("bkp", "restic"), stored) for cell in every]
    peaks = [ratio(found, cell, ("bkp", "restic"), peak) for cell in every if _is_target(*cell)]
    return [
        _at_least(f"first snapshot, {label}", 2.5, speed(FIRST, "small", "trees")),
        _at_most(f"the same, to `tar | zstd -3 -T0`, {label}", 1.5, _worst(max, tar)),
        _at_least(f"unchanged snapshot, {label}", 3, speed(UNCHANGED, "small", "trees")),
        _at_least("first snapshot, large files", 2, speed(FIRST, "large")),
        _at_least("restore, small files", 1.5, speed(RESTORE, "small", "trees")),
        _at_least("restore, large files", 1.5, speed(RESTORE, "large")),
        _at_least("check, all data read, small files", 1.5, speed(CHECK, "small", "trees")),
        _at_least("check, all data read, large files", 1.5, speed(CHECK, "large")),
        _at_most("stored size, worst of all", 1.02, _worst(max, sizes)),
        _at_most("peak memory, worst of these steps", 1, _worst(max, peaks)),
    ]


def _is_target(data: str, step: str) -> bool:
    """Say whether the speed of a step has a target: what takes least is then not one of them."""
    return step in (FIRST, RESTORE, CHECK) or (step == UNCHANGED and data != "large")


def _at_least(work: str, wanted: float, reached: float | None) -> Target:
    is_met = reached is not None and reached >= wanted
    return Target(work, f"≥ {wanted:g} × restic's speed", reached, is_met)


def _at_most(work: str, wanted: float, reached: float | None) -> Target:
    is_met = reached is not None and reached <= wanted
    return Target(work, f"≤ {wanted:g} ×", reached, is_met)


def _worst(pick: Callable[[list[float]], float], ratios: list[float | None]) -> float | None:
    known = [one for one in ratios if one is not None]
    return pick(known) if known else None


def _cell(one: Measurement) -> tuple[str, str, str]:
    return one.data, one.step, one.tool


def _row(measurements: list[Measurement], cell: list[Measurement]) -> Row:
    data, step, tool = _cell(cell[0])
    ratios = [
        None if tool == "bkp" else ratio(measurements, (data, step), (tool, "bkp"), value)
        for value in (wall, cpu, peak, stored)
    ]
    medians = [statistics.median(map(value, cell)) for value in (wall, cpu, peak, stored)]
    return Row(data, step, tool, *medians, *ratios)
