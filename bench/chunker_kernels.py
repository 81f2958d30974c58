"""Measure the variants of the chunkers' kernels against the plain loops.

python bench/chunker_kernels.py              all that run here, in less than a minute

All are compiled by the same compiler with the same flags.  They take turns,
round after round; each ratio is the median of the rounds' ratios.
"""

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rich.console import Console
from rich.table import Table

from bkp._native.gear import GEAR_RUNS_HERE, gear_find
from bkp._native.rabin import RABIN_RUNS_HERE, rabin_find, rabin_tables
from bkp.chunking.params import WINDOW
from chunker_contenders import polynomial_of, table_of

PIECE = 512 << 10  # what a chunker reads, and so searches, at a time
PIECES = 32  # per round, a few tens of milliseconds for the plain loops
ROUNDS = 21


@dataclass(frozen=True, slots=True)
class KernelSpeed:
    """MB/s of bytes scanned by one thread, and the ratio to the plain loop of the same hash."""

    name: str
    rate: float
    ratio_to_plain: float


def measure_kernels(rounds: int = ROUNDS) -> list[KernelSpeed]:
    piece = random.Random("kernels").randbytes(PIECE)
    tables, table = rabin_tables(polynomial_of(0)), table_of(0)
    every_bit = (1 << 64) - 1
    result = []
    for name, find, first, variants in (
        ("Rabin", rabin_find, tables, RABIN_RUNS_HERE),
        ("FastCDC", gear_find, table, GEAR_RUNS_HERE),
    ):
        runs = {
            variant: partial(find, first, every_bit, piece, WINDOW, PIECE, variant)
            for variant in variants
        }
        rates: dict[str, list[float]] = {variant: [] for variant in runs}
        for _ in range(rounds):
            for variant, run in runs.items():
                rates[variant].append(_rate(run))
        for variant in variants:
            ratios = [a / b for a, b in zip(rates[variant], rates["plain"], strict=True)]
            rate = statistics.median(rates[variant])
            result.append(KernelSpeed(f"{name}, {variant}", rate, statistics.median(ratios)))
    return result


def show_kernels(console: Console, kernels: list[KernelSpeed]) -> None:
    title = "Kernels, every byte scanned: MB/s, median of the rounds"
    table = Table("kernel", title=title, title_justify="left")
    table.add_column("one thread", justify="right")
    table.add_column("to plain", justify="right")
    for row in kernels:
        table.add_row(row.name, f"{row.rate:.0f}", f"{row.ratio_to_plain:.2f}")
    console.print(table)


def _rate(run: Callable[[], int]) -> float:
    start = time.perf_counter()
    for _ in range(PIECES):
        run()
    return PIECE * PIECES / (time.perf_counter() - start) / 1e6


if __name__ == "__main__":
    show_kernels(Console(), measure_kernels())
