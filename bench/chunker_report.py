"""Show the measurements as tables on a terminal."""

from rich.console import Console
from rich.table import Table

from chunker_measure import Dedup, Edits, Sizes, Speed

MiB = 1 << 20


def show(console: Console, machine: str, speed: list[Speed], sizes: list[Sizes]) -> None:
    console.print(f"\n{machine}")
    table = _table(
        "Speed: MB/s, median of the rounds", "", "data", "one thread", "two threads", "to Rabin"
    )
    for row in speed:
        table.add_row(
            row.name,
            row.data,
            f"{row.rate:.0f}",
            f"{row.rate_two_threads:.0f}",
            f"{row.ratio_to_rabin:.2f}",
        )
    console.print(table)
    table = _table(
        "Sizes of chunks at the defaults: MiB",
        *("data", "chunker", "chunks", "mean", "CV", "5 %", "25 %", "50 %", "75 %", "95 %"),
        *("at min", "at max"),
    )
    for size in sizes:
        table.add_row(
            *(size.data, size.name, f"{len(size.lengths)}"),
            *(f"{size.mean / MiB:.3f}", f"{size.variation:.2f}"),
            *(f"{value / MiB:.2f}" for value in size.percentiles),
            *(f"{size.at_minimum:.1%}", f"{size.at_maximum:.1%}"),
        )
    console.print(table)


def show_dedup(console: Console, dedup: list[Dedup]) -> None:
    table = _table(
        "Deduplication over successive versions; * sizes changed to Rabin's actual mean",
        *("data", "total MiB", "aim KiB", "chunker", "mean KiB", "unique MiB", "ratio"),
        *("zstd, ratio", "new per version"),
    )
    last = None
    for row in dedup:
        group = (row.corpus, row.form, row.scale)
        if last and group != last:
            table.add_section()
        table.add_row(
            *(f"{row.corpus} {row.form}", f"{row.total_bytes / MiB:.0f}", f"{row.scale >> 10}"),
            *(row.name + " *" * row.tuned, f"{row.mean / 1024:.1f}"),
            f"{row.unique_bytes / MiB:.1f} ± {row.unique_spread / MiB:.1f}",
            *(f"{row.ratio:.2f}", f"{row.ratio_stored:.2f}", f"{row.later:.1%}"),
        )
        last = group
    console.print(table)


def show_edits(console: Console, edits: list[Edits]) -> None:
    names = list(dict.fromkeys(row.name for row in edits))
    table = _table(
        "Stored again per edit of 1 to 1000 bytes, random data: KiB",
        *("edits", *names),
    )
    for kind, stretch in dict.fromkeys((row.kind, row.stretch) for row in edits):
        cells = {
            row.name: f"{row.bytes_per_edit / 1024:.0f}"
            for row in edits
            if (row.kind, row.stretch) == (kind, stretch)
        }
        table.add_row(f"{kind}, one in {stretch // MiB} MiB", *(cells[name] for name in names))
    console.print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        is_text = column in ("", "data", "chunker", "edits")
        table.add_column(column, justify="left" if is_text else "right", no_wrap=True)
    return table
