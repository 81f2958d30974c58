"""Compare bkp with restic and borg, and with what reading and copying cost.

python bench/tools.py                        everything, some hours, 50 GB of scratch space
python bench/tools.py --quick --rounds 1     a smoke run, a minute or two
python bench/tools.py --data small --rounds 5 --json small.json --plots pictures/
python bench/tools.py --tree /usr/share --tree /usr/include --data trees
python bench/tools.py --load results.json --markdown docs/performance.md
"""

import argparse
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

import tools_contenders
import tools_plots
import tools_report
from tools_contenders import Contender, default_bkp, environment
from tools_data import (
    FULL,
    QUICK,
    Amounts,
    Data,
    copy_trees,
    make_large,
    make_small,
    make_versions,
    require_space,
)
from tools_machine import machine, today
from tools_process import Job, output
from tools_proof import prove
from tools_rounds import Round, measure_rounds
from tools_summary import About, Results
from tools_tables import markdown, publish, show, terminal

MAKERS = {"small": make_small, "large": make_large, "versions": make_versions}
SPACE = 2.2  # repository and restored tree of one tool, to the size of the data


def main() -> None:
    options = _arguments()
    results = _loaded(options.load) if options.load else _measured(options)
    console = terminal()
    console.print(f"\n{tools_report.heading(results)}")
    for grid in tools_report.grids(results):
        show(console, grid)
    for proof in results.proofs:
        console.print(f"proved: {proof}")
    if options.json:
        document = msgspec.json.format(msgspec.json.encode(results), indent=1)
        options.json.write_bytes(document + b"\n")
    if options.markdown:
        tables = "\n".join(markdown(grid) for grid in tools_report.grids(results))
        publish(options.markdown, "tools", f"{tools_report.heading(results)}.\n\n{tables}")
    if options.plots:
        tools_plots.draw(options.plots, results)


def _measured(options: argparse.Namespace) -> Results:
    console = terminal()
    contenders = _contenders(options)
    restic = shutil.which(options.restic)
    scratch = Path(tempfile.mkdtemp(prefix="bkp-bench-", dir=options.work))
    results = Results(machine(scratch), today(), {}, [], [], [])

    def inspect(leaving: Round) -> None:
        if "bkp" in leaving.places:
            results.proofs.append(prove(leaving, restic))

    try:
        (scratch / "home").mkdir()
        for contender in contenders:
            job = Job(contender.version, scratch)
            results.versions[contender.name] = _version(
                contender.name, output(job, environment(scratch))
            )
        with console.status("making data") as status:
            for data in _data(options, scratch / "data"):
                require_space(scratch, int(data.total_bytes * SPACE * len(contenders)))
                about = (data.name, data.files, data.total_bytes, data.random_share)
                results.data.append(About(*about, data.versions))
                for one in measure_rounds(data, contenders, options.rounds, inspect, status.update):
                    results.measurements.append(one)
                    if options.json:  # what a run of hours found is not lost with its end
                        options.json.write_bytes(msgspec.json.encode(results))
                shutil.rmtree(data.directory)
                status.update("making data")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return results


def _data(options: argparse.Namespace, parent: Path) -> Iterator[Data]:
    parent.mkdir()
    amounts: Amounts = (QUICK if options.quick else FULL).scaled(options.scale)
    for name in options.data:
        if name == "trees":
            yield copy_trees(parent, options.tree)
        else:
            yield MAKERS[name](parent, amounts)


def _contenders(options: argparse.Namespace) -> list[Contender]:
    known = {
        "bkp": tools_contenders.bkp(tuple(shlex.split(options.bkp))),
        "unverified": tools_contenders.bkp_unverified(tuple(shlex.split(options.bkp))),
        "restic": tools_contenders.restic(options.restic),
        "borg": tools_contenders.borg(options.borg),
        "tar": tools_contenders.tar(),
        "cp": tools_contenders.copy(),
    }
    if unknown := set(options.tools) - set(known):
        sys.exit(f"unknown tools: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return [known[name] for name in options.tools]


def _version(name: str, words: str) -> str:
    """Return name and number, without when and by whom they were built."""
    found = re.search(r"\d+(\.\w+)+", words)
    return f"{name.rpartition('| ')[2].partition(' ')[0]} {found[0] if found else 'unknown'}"


def _loaded(paths: list[Path]) -> Results:
    """Return the results of runs on different data as if they had been one."""
    found = [_load(path) for path in paths]
    for more in found[1:]:
        found[0].data += more.data
        found[0].proofs += more.proofs
        found[0].measurements += more.measurements
    return found[0]


def _load(path: Path) -> Results:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Results)
    except (OSError, msgspec.MsgspecError) as error:
        sys.exit(f"cannot load results from {path}: {error}")


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare bkp with restic, borg, tar and cp.")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--tools", type=_names, default=_names("bkp,unverified,restic,borg,tar,cp"))
    parser.add_argument("--data", type=_names, help="of small,large,versions,trees")
    parser.add_argument(
        "--tree",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="save a copy of DIR in place of made-up small files; repeatable",
    )
    parser.add_argument("--bkp", default=default_bkp(), metavar="COMMAND")
    parser.add_argument("--restic", default="restic", metavar="PATH")
    parser.add_argument("--borg", default="borg", metavar="PATH")
    parser.add_argument(
        "--scale",
        type=float,
        default=1,
        metavar="FACTOR",
        help="so much of the data: 0.1 is a tenth",
    )
    parser.add_argument("--quick", action="store_true", help="2000 files, 64 MiB, 4 versions")
    parser.add_argument("--work", type=Path, metavar="DIR", help="scratch space is made in it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all numbers")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also put the tables into a document"
    )
    parser.add_argument("--plots", type=Path, metavar="DIR", help="also draw pictures")
    parser.add_argument(
        "--load",
        type=Path,
        action="append",
        metavar="FILE",
        help="show an earlier run's --json, measure nothing; repeat for runs on other data",
    )
    options = parser.parse_args()
    if options.data is None:
        options.data = ["trees" if options.tree else "small", "large", "versions"]
    if unknown := set(options.data) - {*MAKERS, "trees"}:
        parser.error(f"unknown data: {', '.join(sorted(unknown))}")
    if ("trees" in options.data) != bool(options.tree):
        parser.error("--tree and --data trees belong together")
    return options


if __name__ == "__main__":
    main()
