"""The tools that are compared, and the limits: how each is told to do what.

All have their usual settings; borg has the encryption and the compression
that come closest to the others'.  The directory to save is named relative to
its parent, so that a snapshot holds nothing of where the scratch directory is.
"""

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from tools_process import Job

PASSWORD = "the same for all"
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one tool works in one round: what is saved, from which directory, into what."""

    parent: Path
    name: str
    repository: Path


@dataclass(frozen=True, slots=True)
class Contender:
    """A tool's commands, in which words in braces are replaced; empty where it has none.

    `like_restic` are options of `init` that take the chunker from restic's
    repository.  A limit keeps one state only, and keeps no secrets.
    """

    name: str
    version: Words
    init: Words
    snapshot: Words
    restore: Words
    check: Words
    snapshots: Words = ()
    like_restic: Words = ()
    is_limit: bool = False

    def job(self, words: Words, place: Place, **more: object) -> Job:
        """Fill in a command, to be run where the directory to save is."""
        known = {"name": place.name, "repository": place.repository, **more}
        return Job(tuple(word.format_map(known) for word in words), place.parent)


def bkp(program: Words) -> Contender:
    start = (*program, "-q", "-r", "{repository}")
    return Contender(
        "bkp",
        version=(*program, "version"),
        init=(*start, "init"),
        snapshot=(*start, "snapshot", "{name}"),
        restore=(*start, "restore", "latest", "--target", "{target}"),
        check=(*start, "check", "--read-data"),
        snapshots=(*start, "snapshots"),
        # The same polynomial cuts the same chunks: only then can tree ids be compared,
        # and sizes without the luck of one polynomial.
        like_restic=("--from-repo", "{like}", "--copy-chunker-params"),
    )


def bkp_unverified(program: Words) -> Contender:
    """Do as restic did before 0.17: what was sealed is not opened again."""
    contender = bkp((*program, "--no-extra-verify"))
    return replace(contender, name="bkp --no-extra-verify", restore=(), check=())


def restic(program: str) -> Contender:
    start = (program, "-q", "-r", "{repository}")
    return Contender(
        "restic",
        version=(program, "version"),
        init=(*start, "init", "--repository-version", "2"),
        snapshot=(*start, "backup", "{name}"),
        restore=(*start, "restore", "latest", "--target", "{target}"),
        check=(*start, "check", "--read-data"),
        snapshots=(*start, "snapshots"),
    )


def borg(program: str) -> Contender:
    archive = "{repository}::{number}"
    return Contender(
        "borg",
        version=(program, "--version"),
        init=(program, "init", "-e", "repokey", "{repository}"),
        snapshot=(program, "create", "-C", "zstd,3", archive, "{name}"),
        restore=(program, "extract", archive),
        check=(program, "check", "--verify-data", "{repository}"),
    )


def tar() -> Contender:
    """Reading and compressing, without names of blobs, secrets or history."""
    return Contender(
        "tar | zstd",
        version=("zstd", "--version"),
        init=(),
        snapshot=_shell("tar -cf - '{name}' | zstd -q -3 -T0 -o '{repository}'"),
        restore=_shell("zstd -q -d -c '{repository}' | tar -xf -"),
        check=("zstd", "-q", "-t", "{repository}"),
        is_limit=True,
    )


def copy() -> Contender:
    """Reading and writing, and nothing else."""
    return Contender(
        "cp -a",
        version=("cp", "--version"),
        init=(),
        snapshot=("cp", "-a", "{name}", "{repository}"),
        restore=("cp", "-a", "{repository}", "{target}/{name}"),
        check=(),
        is_limit=True,
    )


def environment(scratch: Path) -> dict[str, str]:
    """Return the same surroundings for all, with every cache inside the scratch directory."""
    inherited = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR")
    # Absolute, for every job runs in a directory of its own.
    paths = {
        name: os.pathsep.join(map(os.path.abspath, os.environ[name].split(os.pathsep)))
        for name in inherited
        if os.environ.get(name)
    }
    caches = scratch / "caches"
    return paths | {
        "HOME": str(scratch / "home"),
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "XDG_CACHE_HOME": str(caches),
        "RESTIC_CACHE_DIR": str(caches / "restic"),
        "BORG_BASE_DIR": str(caches / "borg"),
        "BKP_PASSWORD": PASSWORD,
        "RESTIC_PASSWORD": PASSWORD,
        "RESTIC_FROM_PASSWORD": PASSWORD,
        "BORG_PASSPHRASE": PASSWORD,
    }


def default_bkp() -> str:
    return f"{sys.executable} -m bkp"


def _shell(script: str) -> Words:
    return ("bash", "-o", "pipefail", "-c", script)
