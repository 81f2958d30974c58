"""Turn results into tables: one for each kind of data, and one of the targets."""

from tools_summary import About, Results, Row, rows, targets
from tools_tables import Grid

COLUMNS = (
    *("step", "tool", "wall s", "CPU s", "peak MB", "stored MB"),
    *("wall / bkp", "CPU / bkp", "memory / bkp", "stored / bkp"),
)


def heading(results: Results) -> str:
    versions = ", ".join(results.versions.values())
    rounds = len({one.round for one in results.measurements})
    return f"{results.date}; {results.machine}; {versions}; {_rounds(rounds)}"


def grids(results: Results) -> list[Grid]:
    made = rows(results.measurements)
    found = [
        _data_grid(about, [row for row in made if row.data == about.name]) for about in results.data
    ]
    return [*found, _target_grid(results)]


def _data_grid(about: About, found: list[Row]) -> Grid:
    title = f"{about.name}: {about.files} files, {about.total_bytes / 1e6:.0f} MB"
    if about.versions > 1:
        title += f", {about.versions} versions"
    grid = Grid(title, COLUMNS, 2)
    for step in dict.fromkeys(row.step for row in found):
        grid.groups.append([_cells(row) for row in found if row.step == step])
    return grid


def _cells(row: Row) -> tuple[str, ...]:
    ratios = (row.wall_ratio, row.cpu_ratio, row.peak_ratio, row.stored_ratio)
    return (
        *(row.step, row.tool, _digits(row.wall_seconds), _digits(row.cpu_seconds)),
        *(f"{row.peak_bytes / 1e6:.0f}", f"{row.stored_bytes / 1e6:.1f}"),
        *("" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
    )


def _target_grid(results: Results) -> Grid:
    grid = Grid("Targets: bkp against restic", ("work", "target", "reached", ""), 2, [[]])
    for target in targets(results):
        reached = "not measured" if target.reached is None else f"{target.reached:.3g} ×"
        verdict = "" if target.reached is None else ("met" if target.is_met else "missed")
        grid.groups[0].append((target.work, target.wanted, reached, verdict))
    note = "bench/scale.py"
    grid.groups[0].append(("peak memory, snapshot of 10⁶ files", "≤ 300 MB", note, ""))
    return grid


def _rounds(count: int) -> str:
    return "one round only" if count == 1 else f"medians of {count} rounds"


def _digits(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds >= 100 else f"{seconds:.2f}"
