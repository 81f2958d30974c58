"""Tables of plain text: aligned columns that scripts and people can read."""

from collections.abc import Sequence

from .output import line, safe


def print_table(heads: Sequence[str], rows: Sequence[Sequence[Sequence[str]]]) -> None:
    """Print rows of cells; a cell is a list of lines.

    The last column is not padded.
    """
    shown = [[[safe(text) for text in cell] for cell in row] for row in rows]
    widths = [
        max([len(head), *(len(text) for row in shown for text in row[column])])
        for column, head in enumerate(heads)
    ]
    _print_line(heads, widths)
    line("-" * (sum(widths) + 2 * (len(widths) - 1)))
    for row in shown:
        for number in range(max(len(cell) for cell in row)):
            texts = [cell[number] if number < len(cell) else "" for cell in row]
            _print_line(texts, widths)


def _print_line(texts: Sequence[str], widths: Sequence[int]) -> None:
    padded = (f"{text:<{width}}" for text, width in zip(texts, widths, strict=True))
    line("  ".join(padded).rstrip())
