"""bkp for Python programs: the few calls that most of them need.

The command line uses nothing that is not here or in `bkp.ops`; whatever it
can do, a program can do.
"""

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from bkp.events import Reporter, ignore
from bkp.files.excludes import ExcludeOptions, Excludes
from bkp.ops.backup import BackupOptions, BackupResult, backup
from bkp.ops.labels import SnapshotLabels
from bkp.ops.locate import find_place, parse_operand
from bkp.ops.restore import restore as restore_tree
from bkp.ops.restore_options import RestoreOptions, RestoreStats
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

    Raises NoRepository, WrongPassword, UnsupportedFormat, IntegrityError or
    StoreError; all of them are BkpError.
    """
    repo = open_in_store(open_store(os.fspath(location)), password, options=options, report=report)
    repo.load_index()
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
    """Save files and directories; `bkp.ops.backup.backup` has more options.

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
    excludes = Excludes(ExcludeOptions(patterns=tuple(os.fsencode(pattern) for pattern in exclude)))
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
    place = find_place(repo, parse_operand(what))
    with repo.lock():
        return restore_tree(repo, place.tree, Path(target), options or RestoreOptions(), report)
