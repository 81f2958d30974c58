"""Run a program as a user would, and measure the process.

Processor time and peak memory are what the kernel counted for the process and
all children that it waited for: the times added up, the memory that of the
largest of them.  Nothing below some 9 MB can be told apart.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

LAUNCHER = Path(__file__).with_name("tools_launch.py")


@dataclass(frozen=True, slots=True)
class Job:
    """A command, and the directory to run it in."""

    command: tuple[str, ...]
    cwd: Path


@dataclass(frozen=True, slots=True)
class Cost:
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int

    def __add__(self, other: "Cost") -> "Cost":
        """Cost of one after the other."""
        return Cost(
            self.wall_seconds + other.wall_seconds,
            self.cpu_seconds + other.cpu_seconds,
            max(self.peak_bytes, other.peak_bytes),
        )


class _Report(msgspec.Struct):
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    code: int


def measure(job: Job, environment: dict[str, str]) -> Cost:
    """Run to the end; exit with the program's own words if it fails."""
    os.sync()  # what the last one left to be written is not this one's work
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as said:
        launcher = (sys.executable, "-I", "-S", str(LAUNCHER), str(writing))
        subprocess.run(
            (*launcher, *job.command),
            cwd=job.cwd,
            env=environment,
            pass_fds=(writing,),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            check=False,
        )
        os.close(writing)
        with open(reading, "rb") as stream:
            answer = stream.read()
        said.seek(0)
        words = said.read().decode(errors="replace")
    if not answer:
        sys.exit(f"cannot run {job.command[0]}: {words.strip()}")
    report = msgspec.json.decode(answer, type=_Report)
    if report.code:
        sys.exit(f"{' '.join(job.command)}: exit code {report.code}\n{words.strip()}")
    return Cost(report.wall_seconds, report.cpu_seconds, report.peak_bytes)


def output(job: Job, environment: dict[str, str]) -> str:
    """Run without measuring; return what it printed, exit with its words if it fails."""
    try:
        done = subprocess.run(
            job.command,
            cwd=job.cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        sys.exit(f"cannot run {job.command[0]}: {error.strerror}")
    if done.returncode:
        words = (done.stdout + done.stderr).strip()
        sys.exit(f"{' '.join(job.command)}: exit code {done.returncode}\n{words}")
    return done.stdout
