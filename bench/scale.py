"""Measure how time and memory grow with files and with snapshots.

python bench/scale.py                              up to 10^6 files and 1000 snapshots
python bench/scale.py --max 10000 --max-snapshots 10    a smoke run
python bench/scale.py --json scale.json --markdown docs/performance.md
"""

import argparse
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

import tools_contenders
from scale_growth import FILES, SNAPSHOTS, Point, measure_files, measure_snapshots
from tools_machine import machine, today
from tools_tables import Grid, markdown, publish, show, terminal

LARGEST = 1_000_000
MOST = 1000
UNITS = {FILES: ("µs", 1e6), SNAPSHOTS: ("ms", 1e3)}
MEMORY = 300  # MB that a snapshot of a million files may take


@dataclass(slots=True)
class Growth:
    """Everything measured in one run."""

    machine: str
    date: str
    points: list[Point]


def main() -> None:
    options = _arguments()
    growth = _loaded(options.load) if options.load else _measured(options)
    console = terminal()
    heading = f"{growth.date}; {growth.machine}"
    console.print(f"\n{heading}")
    tables = [_grid(growth, FILES), _grid(growth, SNAPSHOTS)]
    for grid in tables:
        show(console, grid)
    verdict = _verdict(growth)
    console.print(verdict)
    if options.json:
        document = msgspec.json.format(msgspec.json.encode(growth), indent=1)
        options.json.write_bytes(document + b"\n")
    if options.markdown:
        text = "\n".join(markdown(grid) for grid in tables)
        publish(options.markdown, "scale", f"{heading}.\n\n{text}\n{verdict}\n")


def _measured(options: argparse.Namespace) -> Growth:
    scratch = Path(tempfile.mkdtemp(prefix="bkp-bench-", dir=options.work))
    known = {
        "bkp": tools_contenders.bkp(tuple(shlex.split(options.bkp))),
        "restic": tools_contenders.restic(options.restic),
    }
    contenders = [tool for name, tool in known.items() if name in options.tools.split(",")]
    growth = Growth(machine(scratch), today(), [])
    try:
        with terminal().status("") as status:
            for measurer, subject, most in (
                (measure_files, FILES, options.max),
                (measure_snapshots, SNAPSHOTS, options.max_snapshots),
            ):
                place = scratch / subject
                place.mkdir()
                counts = _powers(1000 if subject == FILES else 1, most)
                growth.points += measurer(contenders, place, counts, status.update)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return growth


def _powers(first: int, most: int) -> list[int]:
    """Return first, ten times that and so on, and at last the most itself."""
    counts = []
    while first < most:
        counts.append(first)
        first *= 10
    return [*counts, most] if most > 0 else []


def _grid(growth: Growth, subject: str) -> Grid:
    """Return a table of costs; what a further file costs must be the same on every line."""
    one = subject.removesuffix("s")
    unit = UNITS[subject][0]
    columns = (
        *("step", "tool", subject, "wall s", "CPU s", "peak MB"),
        *(f"{unit} per {one}", f"{unit} per further {one}", f"bytes per further {one}"),
    )
    grid = Grid(f"Growth with {subject}", columns, 2)
    points = [point for point in growth.points if point.subject == subject]
    for step in dict.fromkeys(point.step for point in points):
        for tool in dict.fromkeys(point.tool for point in points):
            chain = [point for point in points if (point.step, point.tool) == (step, tool)]
            before: list[Point | None] = [None, *chain]
            grid.groups.append(
                [_cells(point, last) for point, last in zip(chain, before, strict=False)]
            )
    return grid


def _cells(point: Point, last: Point | None) -> tuple[str, ...]:
    further = memory = ""
    factor = UNITS[point.subject][1]
    if last:
        more = point.count - last.count
        further = f"{(point.wall_seconds - last.wall_seconds) / more * factor:.1f}"
        memory = f"{(point.peak_bytes - last.peak_bytes) / more:.0f}"
    return (
        *(point.step, point.tool, str(point.count)),
        *(f"{point.wall_seconds:.2f}", f"{point.cpu_seconds:.2f}"),
        f"{point.peak_bytes / 1e6:.0f}",
        *(f"{point.wall_seconds / point.count * factor:.1f}", further, memory),
    )


def _verdict(growth: Growth) -> str:
    largest = [
        point
        for point in growth.points
        if point.subject == FILES and point.tool == "bkp" and "snapshot" in point.step
    ]
    if not largest:
        return "No snapshot was measured."
    count = max(point.count for point in largest)
    peak = max(point.peak_bytes for point in largest if point.count == count) / 1e6
    said = f"Peak memory of a snapshot of {count} files: {peak:.0f} MB"
    return f"{said}; the target for {LARGEST} files is {MEMORY} MB."


def _loaded(path: Path) -> Growth:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Growth)
    except (OSError, msgspec.MsgspecError) as error:
        sys.exit(f"cannot load results from {path}: {error}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how time and memory grow.")
    parser.add_argument("--max", type=int, default=LARGEST, metavar="FILES")
    parser.add_argument("--max-snapshots", type=int, default=MOST, metavar="N")
    parser.add_argument("--tools", default="bkp,restic", help="either or both")
    parser.add_argument("--bkp", default=tools_contenders.default_bkp(), metavar="COMMAND")
    parser.add_argument("--restic", default="restic", metavar="PATH")
    parser.add_argument("--work", type=Path, metavar="DIR", help="scratch space is made in it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all numbers")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also put the tables into a document"
    )
    parser.add_argument(
        "--load", type=Path, metavar="FILE", help="show an earlier run's --json, measure nothing"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
