"""Tables that can be shown on a terminal and published in a document."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(slots=True)
class Grid:
    """A title, columns, and groups of rows; the first `words` columns are words, not numbers."""

    title: str
    columns: tuple[str, ...]
    words: int
    groups: list[list[tuple[str, ...]]] = field(default_factory=list)


def terminal() -> Console:
    """Return a console that does not fold tables when nobody watches."""
    console = Console()
    return console if console.is_terminal else Console(width=150)


def show(console: Console, grid: Grid) -> None:
    table = Table(title=grid.title, title_justify="left")
    for number, column in enumerate(grid.columns):
        table.add_column(column, justify="left" if number < grid.words else "right", no_wrap=True)
    for group in grid.groups:
        for row in group:
            table.add_row(*row)
        table.add_section()
    console.print(table)


def markdown(grid: Grid) -> str:
    rules = ["---" if number < grid.words else "--:" for number in range(len(grid.columns))]
    rows = [row for group in grid.groups for row in group]
    lines = [grid.columns, tuple(rules), *rows]
    body = "\n".join("| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines)
    return f"**{grid.title}**\n\n{body}\n"


def publish(path: Path, name: str, text: str) -> None:
    """Put a text between `<!-- begin NAME -->` and `<!-- end NAME -->` of a document.

    A document that is not there yet is made of the text alone.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    document = path.read_text() if path.exists() else f"{begin}\n{end}\n"
    before, found, rest = document.partition(begin)
    _, found_too, after = rest.partition(end)
    if not found or not found_too:
        sys.exit(f"{path} has no lines `{begin}` and `{end}`")
    path.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}")


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
