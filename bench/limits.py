"""Measure what the machine could do at best, and how far bkp is away from it.

python bench/limits.py                           the rates
python bench/limits.py --results results.json    and what bench/tools.py measured beside them
python bench/limits.py --results results.json --markdown docs/performance.md

The limit of a step is what its indispensable work takes if all cores are busy
with it and nothing else is done: no Python, no JSON, no index, no waiting.
"""

import argparse
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from limits_rates import LEVEL, Rates, measure_rates
from tools_machine import machine, today
from tools_rounds import CHECK, FIRST, RESTORE, UNCHANGED
from tools_summary import About, Results, Row, rows
from tools_tables import Grid, markdown, publish, show, terminal

NOTHING = 0.01  # seconds
SMALLEST_CUT = 512 << 10  # smaller files are one chunk, and no cut is sought in them


@dataclass(slots=True)
class Limits:
    """Everything measured in one run."""

    machine: str
    date: str
    cores: int
    rates: Rates


def main() -> None:
    options = _arguments()
    scratch = Path(tempfile.mkdtemp(prefix="bkp-bench-", dir=options.work))
    try:
        cores = len(os.sched_getaffinity(0))
        limits = Limits(machine(scratch), today(), cores, measure_rates(scratch))
    finally:
        shutil.rmtree(scratch)
    tables = [_contents_grid(limits.rates), _files_grid(limits.rates)]
    if options.results:
        tables += _distance_grids(limits, _loaded(options.results))
    console = terminal()
    heading = f"{limits.date}; {limits.machine}"
    console.print(f"\n{heading}")
    for grid in tables:
        show(console, grid)
    if options.json:
        document = msgspec.json.format(msgspec.json.encode(limits), indent=1)
        options.json.write_bytes(document + b"\n")
    if options.markdown:
        text = "\n".join(markdown(grid) for grid in tables)
        publish(options.markdown, "limits", f"{heading}.\n\n{text}")


def parts(rates: Rates, about: About, stored_bytes: float) -> dict[str, dict[str, float]]:
    """Return for each step the processor time of each thing that it cannot do without."""
    size, random = about.total_bytes, about.total_bytes * about.random_share
    text = size - random
    is_small = size / about.files < SMALLEST_CUT
    look = about.files * rates.stat_seconds
    read = about.files * rates.read_file_seconds if is_small else size / rates.read
    create = about.files * rates.create_file_seconds if is_small else size / rates.write
    compress = text / (rates.zstd_small if is_small else rates.zstd_text)
    # Names are hashes of plain bytes, and a pack's name is a hash of what is stored.
    hash_plain, hash_packs = size / rates.sha256, stored_bytes / rates.sha256
    open_packs = {
        "read packs": stored_bytes / rates.read,
        "decrypt": stored_bytes / rates.seal,
        "decompress": text / rates.unzstd_text,
        "SHA-256": hash_plain,
    }
    first = {
        "lstat, xattrs": look,
        "read files": read,
        "cut": 0 if is_small else size / rates.rabin,
        "SHA-256": hash_plain + hash_packs,
        "zstd": compress + random / rates.zstd_noise,
        "encrypt": stored_bytes / rates.seal,
        "write packs": stored_bytes / rates.write,
    }
    return {
        FIRST: first,
        UNCHANGED: {"lstat, xattrs": look},
        RESTORE: {**open_packs, "create and write files": create},
        CHECK: {**open_packs, "SHA-256": hash_plain + hash_packs},
    }


def _contents_grid(rates: Rates) -> Grid:
    grid = Grid("Work on contents, one core", ("work", "MB/s"), 1, [[]])
    for name, rate in (
        ("SHA-256", rates.sha256),
        ("cutting by Rabin fingerprints, bkp's kernel", rates.rabin),
        (f"zstd -{LEVEL}, text in pieces of 1 MiB", rates.zstd_text),
        (f"zstd -{LEVEL}, text in pieces of 12 KiB", rates.zstd_small),
        (f"zstd -{LEVEL}, random bytes", rates.zstd_noise),
        ("zstd, decompressing text", rates.unzstd_text),
        ("AES-256-CTR and Poly1305", rates.seal),
        ("reading from the page cache", rates.read),
        ("writing to a new file", rates.write),
        ("writing to a new file, and fsync", rates.write_synced),
    ):
        grid.groups[0].append((name, f"{rate / 1e6:.0f}"))
    return grid


def _files_grid(rates: Rates) -> Grid:
    grid = Grid("Work on files, one core", ("work", "µs a file", "files a second"), 1, [[]])
    for name, cost in (
        ("lstat, llistxattr", rates.stat_seconds),
        ("openat, fstat, read of 12 KiB, close", rates.read_file_seconds),
        ("create, write of 12 KiB, close", rates.create_file_seconds),
    ):
        grid.groups[0].append((name, f"{cost * 1e6:.1f}", f"{1 / cost:.0f}"))
    return grid


def _distance_grids(limits: Limits, results: Results) -> list[Grid]:
    columns = ("data", "step", "limit, CPU s", "bkp, CPU s", "limit, wall s", "bkp, wall s")
    distances = Grid("How far away bkp is", (*columns, "CPU to limit", "wall to limit"), 2)
    shares = Grid(
        "Where the processor time goes", ("data", "step", "work", "CPU s", "share of bkp's CPU"), 3
    )
    made = rows(results.measurements)
    for about in results.data:
        found = {row.step: row for row in made if (row.data, row.tool) == (about.name, "bkp")}
        if about.versions > 1 or FIRST not in found:
            continue
        work = parts(limits.rates, about, found[FIRST].stored_bytes)
        # Of eight files nothing but a process's start is left, and no ratio says anything.
        work = {step: spent for step, spent in work.items() if sum(spent.values()) > NOTHING}
        distances.groups.append(
            [_distance(found[step], sum(work[step].values()), limits.cores) for step in work]
        )
        shares.groups += [_shares(found[step], work[step]) for step in work]
    return [distances, shares]


def _distance(row: Row, cpu: float, cores: int) -> tuple[str, ...]:
    wall = cpu / cores
    return (
        *(row.data, row.step, f"{cpu:.2f}", f"{row.cpu_seconds:.2f}"),
        *(f"{wall:.2f}", f"{row.wall_seconds:.2f}"),
        *(f"{row.cpu_seconds / cpu:.1f} ×", f"{row.wall_seconds / wall:.1f} ×"),
    )


def _shares(row: Row, work: dict[str, float]) -> list[tuple[str, ...]]:
    """Return what is indispensable, and as the last line all the rest."""
    total = row.cpu_seconds
    rest = {"all else: Python, JSON, index, threads": total - sum(work.values())}
    return [
        (row.data, row.step, name, f"{cpu:.2f}", f"{cpu / total:.0%}")
        for name, cpu in {**work, **rest}.items()
        if cpu
    ]


def _loaded(path: Path) -> Results:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Results)
    except (OSError, msgspec.MsgspecError) as error:
        sys.exit(f"cannot load results from {path}: {error}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what the machine could do at best.")
    parser.add_argument("--results", type=Path, metavar="FILE", help="of bench/tools.py --json")
    parser.add_argument("--work", type=Path, metavar="DIR", help="scratch space is made in it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all numbers")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also put the tables into a document"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
