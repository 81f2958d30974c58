"""Compare Rabin and FastCDC on the same data in one run.

python bench/chunkers.py                     everything, some ten minutes, downloads 200 MB once
python bench/chunkers.py --quick             generated data only, a few seconds
python bench/chunkers.py --json out.json --plots pictures/
"""

import argparse
import json
import os
import platform
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console

import chunker_plots
import chunker_report
from bkp.chunking.params import DEFAULT_SIZES, ChunkSizes
from chunker_contenders import CONTENDERS, FASTCDC, FIXED, PLAIN, RABIN
from chunker_data import PROJECTS, Corpus, generated, releases
from chunker_kernels import KernelSpeed, measure_kernels, show_kernels
from chunker_measure import (
    Dedup,
    Edits,
    Sizes,
    Speed,
    has_same_mean,
    measure_dedup,
    measure_dedup_at_mean,
    measure_edits,
    measure_sizes,
    measure_speed,
)

KiB = 1 << 10
MiB = 1 << 20

SMALL = ChunkSizes(32 * KiB, 64 * KiB, 512 * KiB)  # as restic's, divided by 16


@dataclass(frozen=True, slots=True)
class Scope:
    """How much to measure."""

    rounds: int
    keys: int
    random_bytes: int
    edited_bytes: int
    sample_bytes: int
    downloads: bool


FULL = Scope(7, 5, 128 * MiB, 128 * MiB, 192 * MiB, downloads=True)
QUICK = Scope(3, 2, 16 * MiB, 16 * MiB, 32 * MiB, downloads=False)


@dataclass(slots=True)
class Results:
    """Everything measured in one run."""

    machine: str
    kernels: list[KernelSpeed] = field(default_factory=list)
    speed: list[Speed] = field(default_factory=list)
    sizes: list[Sizes] = field(default_factory=list)
    dedup: list[Dedup] = field(default_factory=list)
    edits: list[Edits] = field(default_factory=list)


def main() -> None:
    options = _arguments()
    scope = QUICK if options.quick else FULL
    console = Console()
    if not console.is_terminal:
        console = Console(width=130)
    results = Results(f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with console.status("") as status:
        sample = bytearray()
        for corpus in _corpora(scope):
            status.update(f"deduplication: {corpus.name}, {corpus.form}")
            results.dedup += _dedup(corpus, scope.keys)
            newest = corpus.versions[-1]
            if corpus.form == ("tar" if scope.downloads else "edited"):
                sample += newest[0][: scope.sample_bytes // 3]
            if corpus.form == "tar":
                status.update(f"sizes: {corpus.name}, {corpus.form}")
                results.sizes += _sizes(f"{corpus.name} {corpus.form}", newest, scope.keys)
        status.update("sizes: random")
        noise = [random.Random(f"noise {n}").randbytes(scope.random_bytes) for n in range(4)]
        results.sizes += _sizes("random", noise, scope.keys)
        results.sizes += _sizes("zeros", [bytes(64 * MiB)], 1)
        for contender in CONTENDERS:
            status.update(f"edits: {contender.name}")
            results.edits += measure_edits(scope.edited_bytes, contender, DEFAULT_SIZES, scope.keys)
        status.update("speed")
        results.kernels = measure_kernels(scope.rounds)
        results.speed = measure_speed(noise[0], bytes(sample), DEFAULT_SIZES, scope.rounds)
    show_kernels(console, results.kernels)
    chunker_report.show(console, results.machine, results.speed, results.sizes)
    chunker_report.show_dedup(console, results.dedup)
    chunker_report.show_edits(console, results.edits)
    if options.json:
        options.json.write_text(json.dumps(_without_lengths(results), indent=1) + "\n")
    if options.plots:
        chunker_plots.draw(options.plots, results.speed, results.sizes, results.dedup)


def _corpora(scope: Scope) -> Iterator[Corpus]:
    yield from generated(scope.edited_bytes)
    if scope.downloads:
        for project in PROJECTS:
            yield from releases(project)


def _dedup(corpus: Corpus, keys: int) -> list[Dedup]:
    found = []
    for sizes in (DEFAULT_SIZES,) if corpus.form == "files" else (DEFAULT_SIZES, SMALL):
        scale = sizes.minimum + sizes.target
        rabin = measure_dedup(corpus, RABIN, sizes, keys, scale)
        found.append(rabin)
        for contender in CONTENDERS[1:]:
            other = measure_dedup(corpus, contender, sizes, keys, scale)
            found.append(other)
            if contender is not FIXED and not has_same_mean(other, rabin):
                found.append(measure_dedup_at_mean(corpus, contender, keys, rabin))
    return found


def _sizes(data: str, streams: list[bytes], keys: int) -> list[Sizes]:
    return [
        measure_sizes(data, streams, contender, DEFAULT_SIZES, keys)
        for contender in (RABIN, FASTCDC, PLAIN)
    ]


def _without_lengths(results: Results) -> dict[str, object]:
    document = asdict(results)
    for sizes in document["sizes"]:
        del sizes["lengths"]
    return document


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare Rabin and FastCDC on the same data.")
    parser.add_argument("--quick", action="store_true", help="a smoke run without downloads")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all numbers")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="also draw pictures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
