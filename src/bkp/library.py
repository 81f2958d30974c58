"""bkp for Python programs: the few calls that most of them need.

The command line uses nothing that is not here or in `bkp.ops`; whatever it
can do, a program can do.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from bkp.errors import UsageError
from bkp.events import Reporter, ignore
from bkp.files.selection.excludes import ExcludeOptions, Excludes
from bkp.formats.pack import BlobType
from bkp.ops.backup.labels import SnapshotLabels
from bkp.ops.backup.run import BackupOptions, BackupResult, backup
from bkp.ops.check.run import CheckOptions, CheckResult
from bkp.ops.check.run import check as check_repository
from bkp.ops.check.subset import Everything
from bkp.ops.diff.snapshots import Comparison
from bkp.ops.locate import find_place, parse_operand
from bkp.ops.restore.options import RestoreOptions, RestoreStats
from bkp.ops.restore.run import restore as restore_tree
from bkp.ops.walktree import Found, blobs_of
from bkp.ops.walktree import walk as walk_tree
from bkp.repo.repository import (
    NewRepository,
    Repository,
    RepositoryOptions,
)
from bkp.repo.repository import init_repository as init_in_store
from bkp.repo.repository import open_repository as open_in_store
from bkp.store.locations import create_store, open_store
from bkp.times import local_zone, now


def open_repository(
    location: str | os.PathLike[str],
    password: str,
    *,
    options: RepositoryOptions | None = None,
    report: Reporter = ignore,
) -> Repository:
    """Open a repository and load its index.

    Nothing is kept on this machine unless `options.cache` says where; then a
    large index is, and opening again takes no time.

    A damaged part of the index is reported as Problem: what no other part
    names cannot be found.  Raises NoRepository, WrongPassword,
    UnsupportedFormat, IntegrityError or StoreError; all of them are BkpError.
    """
    repo = open_in_store(open_store(os.fspath(location)), password, options=options, report=report)
    repo.load_intact_index()
    return repo


def init_repository(
    location: str | os.PathLike[str],
    password: str,
    new: NewRepository | None = None,
    *,
    options: RepositoryOptions | None = None,
    report: Reporter = ignore,
) -> Repository:
    """Make a repository; raises AlreadyExists if there is one."""
    store = create_store(os.fspath(location))
    return init_in_store(store, password, new, options=options, report=report)


def snapshot(
    repo: Repository,
    paths: Sequence[str | bytes | os.PathLike[str]],
    *,
    tags: Sequence[str] = (),
    exclude: Sequence[str] = (),
    host: str = "",
    report: Reporter = ignore,
) -> BackupResult:
    """Save files and directories; `bkp.ops.backup.run` has more options.

    What cannot be read is reported as Problem and left out.  Raises StoreError
    if storing fails: then there is no snapshot.
    """
    labels = SnapshotLabels(
        host=host or socket.gethostname(),
        time_ns=now(),
        zone=local_zone(),
        tags=tags,
        excludes=exclude,
    )
    excludes = Excludes(
        ExcludeOptions(
            patterns=tuple(os.fsencode(pattern) for pattern in exclude),
            directories=(os.fsencode(repo.location),),  # not into itself
        )
    )
    options = BackupOptions(labels=labels, excludes=excludes)
    return backup(repo, [os.fsencode(path) for path in paths], options, report)


def restore(
    repo: Repository,
    what: str,
    target: str | os.PathLike[str],
    *,
    options: RestoreOptions | None = None,
    report: Reporter = ignore,
) -> RestoreStats:
    """Restore `SNAPSHOT` or `SNAPSHOT:PATH` into a directory.

    What cannot be restored is reported as Problem and counted in the result.
    """
    with repo.reading():
        repo.load_intact_index()  # what was stored since it was opened
        place = find_place(repo, parse_operand(what))
        return restore_tree(repo, place.tree, Path(target), options or RestoreOptions(), report)


def walk(repo: Repository, what: str, *, report: Reporter = ignore) -> Iterator[Found]:
    """Yield the path and node of everything in `SNAPSHOT` or `SNAPSHOT:PATH`.

    A directory comes before its entries.  One that cannot be read is reported.
    """
    place = find_place(repo, parse_operand(what))
    return walk_tree(repo, place.tree, report, under=place.path)


def read(repo: Repository, what: str) -> Iterator[bytes]:
    """Yield the contents of the file `SNAPSHOT:PATH`, piece by piece.

    Raises UsageError if that is no file, and IntegrityError if a piece of it
    cannot be read.
    """
    place = find_place(repo, parse_operand(what))
    if place.node is None or place.node.type != "file":
        raise UsageError(f"{what} is not a file")
    for name in blobs_of(place.node):
        yield repo.read_blob(BlobType.DATA, name)


def diff(
    repo: Repository, before: str, after: str, *, metadata: bool = False, report: Reporter = ignore
) -> Comparison:
    """Compare two snapshots, or places in them; iterate over what comes back.

    `bkp.ops.diff.live` compares with what is on disk.
    """
    places = (find_place(repo, parse_operand(what)) for what in (before, after))
    return Comparison(repo, *places, metadata=metadata, report=report)


def check(
    location: str | os.PathLike[str],
    password: str,
    *,
    read_data: bool = False,
    report: Reporter = ignore,
) -> CheckResult:
    """Check a repository; with `read_data`, every byte of it.

    It is given by location, for a check goes on where opening would fail:
    when an index is damaged, say.
    """
    repo = open_in_store(open_store(os.fspath(location)), password, report=report)
    return check_repository(repo, CheckOptions(read=Everything() if read_data else None), report)
