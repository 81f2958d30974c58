"""Prove after each round that what was measured was a backup.

restic must find no fault in bkp's repository, every snapshot of both must
have the same tree id, and what bkp restored must be what was saved.  A bench
that is fast and wrong ends here.
"""

import hashlib
import os
import stat
import sys
from pathlib import Path

import msgspec

from tools_process import Job, output
from tools_rounds import Round


class _Snapshot(msgspec.Struct):
    time: str
    tree: str


def prove(leaving: Round, restic: str | None) -> str:
    """Return what was proved, in words; exit if anything is wrong."""
    proved = []
    repositories = {name: place.repository for name, place in leaving.places.items()}
    bkp = repositories["bkp"]
    if restic:
        _restic(restic, leaving.environment, bkp, "check", "--read-data")
        proved.append("restic finds no fault in bkp's repository")
    if restic and "restic" in repositories:
        ours, theirs = (
            trees(restic, leaving.environment, repo) for repo in (bkp, repositories["restic"])
        )
        if ours != theirs:
            sys.exit(f"{leaving.data.name}: tree ids of bkp and restic differ: {ours} {theirs}")
        proved.append(f"all {len(ours)} tree ids are restic's")
    if leaving.number == 0:  # once: reading both trees takes longer than most steps
        restored = leaving.targets["bkp"] / leaving.data.name
        entries = compare(leaving.data.directory, restored)
        proved.append(f"all {entries} entries restored by bkp are what they were")
    return f"{leaving.data.name}, round {leaving.number + 1}: " + ", ".join(proved)


def compare(saved: Path, restored: Path) -> int:
    """Return the number of entries of both trees; exit at the first that differs."""
    count = 1
    if _state(saved) != _state(restored):
        sys.exit(f"{restored} is not what {saved} is")
    for above, directories, files in os.walk(saved):
        twin = restored / Path(above).relative_to(saved)
        names = sorted(directories + files)
        if names != sorted(os.listdir(twin)):
            sys.exit(f"{twin} and {above} have other entries")
        for name in names:
            if _state(Path(above, name)) != _state(twin / name):
                sys.exit(f"{twin / name} is not what {Path(above, name)} is")
        count += len(names)
    return count


def _state(path: Path) -> tuple[int, int, int, int, bytes]:
    """Return mode, owner, time and contents."""
    status = path.lstat()
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as stream:
            contents = hashlib.file_digest(stream, "sha256").digest()
    else:
        contents = os.fsencode(os.readlink(path)) if path.is_symlink() else b""
    return (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, contents)


def trees(restic: str, environment: dict[str, str], repository: Path) -> list[str]:
    """Return the tree of each snapshot in the order of time, as restic reads them."""
    words = _restic(restic, environment, repository, "snapshots", "--json")
    snapshots = msgspec.json.decode(words, type=list[_Snapshot])
    return [snapshot.tree for snapshot in sorted(snapshots, key=lambda found: found.time)]


def _restic(restic: str, environment: dict[str, str], repository: Path, *command: str) -> str:
    job = Job((restic, "-q", "-r", str(repository), *command), repository.parent)
    return output(job, environment)
