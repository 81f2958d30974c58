"""Draw the measurements: sizes of chunks, and speed against deduplication."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.lines import Line2D

from chunker_measure import Dedup, Sizes, Speed

MiB = 1 << 20
COLOURS = {"Rabin": "#1f5fa8", "FastCDC": "#d9622b"}


def draw(directory: Path, speed: list[Speed], sizes: list[Sizes], dedup: list[Dedup]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    _draw_sizes(directory / "chunkers-sizes.png", sizes)
    _draw_trade(directory / "chunkers-speed-dedup.png", speed, dedup)


def _draw_sizes(path: Path, sizes: list[Sizes]) -> None:
    """One panel for each kind of data: share of chunks by size."""
    data = [name for name in dict.fromkeys(row.data for row in sizes) if name != "zeros"]
    data.sort(key=lambda name: name != "random")
    figure, panels = plt.subplots(
        len(data), 1, figsize=(8, 1.9 * len(data) + 0.8), sharex=True, squeeze=False
    )
    edges = [0.125 * step for step in range(65)]
    for panel, name in zip(panels[:, 0], data, strict=True):
        for row in sizes:
            if row.data == name and row.name in COLOURS:
                panel.hist(
                    [length / MiB for length in row.lengths],
                    bins=edges,
                    weights=[100 / len(row.lengths)] * len(row.lengths),
                    histtype="stepfilled",
                    alpha=0.55,
                    color=COLOURS[row.name],
                    label=f"{row.name}: mean {row.mean / MiB:.2f} MiB, CV {row.variation:.2f}",
                )
        panel.set_title(name, loc="left", fontsize=10)
        panel.set_ylabel("% of chunks")
        panel.legend(frameon=False, fontsize=9)
        panel.spines[["top", "right"]].set_visible(False)
    panels[-1, 0].set_xlabel("size of a chunk, MiB (minimum 0.5, maximum 8)")
    panels[-1, 0].set_xlim(0, 6)
    figure.suptitle("Sizes of chunks at bkp's defaults", fontsize=12)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _draw_trade(path: Path, speed: list[Speed], dedup: list[Dedup]) -> None:
    """One panel for each corpus: rate against ratio, hollow where sizes were changed."""
    rates = {(row.name, row.data): row.rate for row in speed}
    rows = [row for row in dedup if row.name in COLOURS and row.form != "files"]
    names = list(dict.fromkeys(f"{row.corpus}, {row.form}" for row in rows))
    across = 2
    down = -(-len(names) // across)
    figure, panels = plt.subplots(
        down, across, figsize=(4.5 * across, 2.9 * down + 1.0), sharex=True, squeeze=False
    )
    scales = sorted({row.scale for row in rows})
    for panel, name in zip(panels.flat, names, strict=False):
        for row in rows:
            if f"{row.corpus}, {row.form}" == name:
                colour = COLOURS[row.name]
                panel.plot(
                    rates[row.name, "random" if row.corpus == "generated" else "releases"],
                    row.ratio,
                    marker="o" if row.scale == scales[-1] else "s",
                    markersize=9,
                    markeredgewidth=1.8,
                    color=colour,
                    markerfacecolor="none" if row.tuned else colour,
                )
        panel.set_title(name, loc="left", fontsize=10)
        panel.set_ylim(0.9, 1.1 * max(panel.get_ylim()[1], 1.5))
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
    for panel in list(panels.flat)[len(names) :]:
        panel.axis("off")
    fastest = max(rate for (_, data), rate in rates.items() if data != "scanned")
    panels[0, 0].set_xlim(0, 1.2 * fastest)
    figure.supxlabel("chunking speed, MB/s, one thread", fontsize=10)
    figure.supylabel("deduplication: total / unique bytes", fontsize=10)
    marks = [
        Line2D([], [], ls="", marker="o", color=colour, label=name)
        for name, colour in COLOURS.items()
    ]
    marks += [
        Line2D([], [], ls="", marker="os"[at], color="grey", label=f"{scale >> 10} KiB aimed at")
        for at, scale in enumerate(reversed(scales))
    ]
    marks.append(
        Line2D([], [], ls="", marker="o", color="grey", mfc="none", label="at Rabin's actual mean")
    )
    figure.legend(handles=marks, loc="upper center", ncols=3, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0.01, 0, 1, 1 - 0.65 / figure.get_figheight()))
    figure.savefig(path, dpi=120)
    plt.close(figure)
