"""Draw the comparison: for each kind of data the time, memory and size of each tool."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

from tools_summary import Results, Row, rows

COLOURS = {"bkp": "#1f5fa8", "restic": "#d9622b", "borg": "#5b8c3a"}
LIMITS = ("#9a9a9a", "#c8c8c8")


def draw(directory: Path, results: Results) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    made = rows(results.measurements)
    for about in results.data:
        found = [row for row in made if row.data == about.name]
        title = f"{about.name}: {about.files} files, {about.total_bytes / 1e6:.0f} MB"
        _draw(directory / f"tools-{about.name}.png", title, found)


def _draw(path: Path, title: str, found: list[Row]) -> None:
    values = (
        ("wall time, s", [row.wall_seconds for row in found]),
        ("peak memory, MB", [row.peak_bytes / 1e6 for row in found]),
        ("stored, MB", [row.stored_bytes / 1e6 for row in found]),
    )
    colours = _colours(found)
    steps = list(dict.fromkeys(row.step for row in found))
    places = [number + steps.index(row.step) * 0.8 for number, row in enumerate(found)]
    figure, panels = plt.subplots(
        1, 3, figsize=(12, 0.27 * len(found) + 0.35 * len(steps) + 1.0), sharey=True
    )
    for panel, (name, lengths) in zip(panels, values, strict=True):
        panel.barh(places, lengths, color=[colours[row.tool] for row in found], height=0.85)
        panel.set_title(name, loc="left", fontsize=10)
        panel.spines[["top", "right"]].set_visible(False)
        panel.margins(x=0.16)
        for place, length in zip(places, lengths, strict=True):
            shown = f"{length:.2f}" if length < 10 else f"{length:.0f}"
            panel.text(length, place, f" {shown}", va="center", fontsize=8)
    panels[0].set_yticks(places, [f"{row.step}   {row.tool}" for row in found], fontsize=8)
    panels[0].invert_yaxis()
    figure.suptitle(title, fontsize=12)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _colours(found: list[Row]) -> dict[str, str]:
    others = [tool for tool in dict.fromkeys(row.tool for row in found) if tool not in COLOURS]
    return COLOURS | {tool: LIMITS[number % 2] for number, tool in enumerate(others)}
