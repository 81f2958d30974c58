"""The options of `bkp snapshot`: restic's, by the same names, and what they come to."""

import os
import socket
from collections.abc import Callable, Mapping
from typing import Any

import click

from bkp.errors import UsageError
from bkp.events import Reporter
from bkp.files.selection.excludes import ExcludeOptions, Excludes
from bkp.files.selection.filelists import read_globs, read_raw, read_verbatim
from bkp.files.selection.sizes import parse_size
from bkp.ops.backup.labels import SnapshotLabels
from bkp.ops.backup.parent import ChangeRules
from bkp.ops.backup.run import BackupOptions
from bkp.times import local_zone, now

from .moments import parse_local_time
from .pattern_options import all_patterns

_OPTIONS: tuple[Callable[..., Any], ...] = (
    click.argument("paths", nargs=-1, metavar="[PATH]..."),
    click.option("-e", "--exclude", multiple=True, metavar="PATTERN", help="Leave out."),
    click.option("--iexclude", multiple=True, metavar="PATTERN", help="The same, any case."),
    click.option(
        "--exclude-file", multiple=True, metavar="FILE", help="Leave out by patterns of a file."
    ),
    click.option("--iexclude-file", multiple=True, metavar="FILE", help="The same, any case."),
    click.option(
        "--exclude-if-present",
        multiple=True,
        metavar="NAME[:HEADER]",
        help="Leave out what is in directories that have such a file.",
    ),
    click.option(
        "--exclude-caches", is_flag=True, help="Leave out directories marked by CACHEDIR.TAG."
    ),
    click.option(
        "--exclude-larger-than", metavar="SIZE", help="Leave out larger files: 500K, 10M, 1G."
    ),
    click.option("-x", "--one-file-system", is_flag=True, help="Do not cross into others."),
    click.option(
        "--files-from", multiple=True, metavar="FILE", help="Save also what a file lists."
    ),
    click.option(
        "--files-from-verbatim", multiple=True, metavar="FILE", help="The same, without patterns."
    ),
    click.option(
        "--files-from-raw", multiple=True, metavar="FILE", help="The same, ended by zero bytes."
    ),
    click.option("--tag", "tags", multiple=True, metavar="TAG[,TAG]", help="Tag the snapshot."),
    click.option("-H", "--host", metavar="NAME", help="Record this host.  [default: this one]"),
    click.option("--time", metavar="TIME", help="Record this time: 'YYYY-MM-DD HH:MM:SS'."),
    click.option("--parent", metavar="ID", help="Compare with this snapshot.  [default: newest]"),
    click.option("-f", "--force", is_flag=True, help="Read all files, changed or not."),
    click.option("-n", "--dry-run", is_flag=True, help="Store nothing, tell what would be."),
    click.option("--stdin", is_flag=True, help="Save what comes on standard input."),
    click.option(
        "--stdin-from-command", is_flag=True, help="Save what a command prints; it follows `--`."
    ),
    click.option(
        "--stdin-filename", default="stdin", metavar="PATH", help="Its name.  [default: stdin]"
    ),
    click.option("--with-atime", is_flag=True, help="Save times of access too."),
    click.option("--ignore-inode", is_flag=True, help="A new inode alone is no change."),
    click.option("--ignore-ctime", is_flag=True, help="A new ctime alone is no change."),
    click.option("--skip-if-unchanged", is_flag=True, help="Make no snapshot if all is the same."),
    click.option("--no-scan", is_flag=True, help="Do not count ahead for the progress."),
)


def snapshot_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command; it receives them by name."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def labels_from(values: Mapping[str, Any]) -> SnapshotLabels:
    """Return what the snapshot is to say about itself."""
    return SnapshotLabels(
        host=values["host"] or os.environ.get("RESTIC_HOST") or socket.gethostname(),
        time_ns=parse_local_time(values["time"]) if values["time"] else now(),
        zone=local_zone(),
        tags=[tag for given in values["tags"] for tag in given.split(",") if tag],
        excludes=values["exclude"],
    )


def chosen_targets(values: Mapping[str, Any], report: Reporter) -> list[bytes]:
    """Return the paths to save, from the arguments and from files that list them."""
    targets = [os.fsencode(path) for path in values["paths"]]
    for file in values["files_from"]:
        targets += read_globs(os.fsencode(file), report)
    for file in values["files_from_verbatim"]:
        targets += read_verbatim(os.fsencode(file))
    for file in values["files_from_raw"]:
        targets += read_raw(os.fsencode(file))
    if not targets:
        raise UsageError("nothing to save: name files or directories")
    return targets


def options_from(
    values: Mapping[str, Any], repository: str, *, count_ahead: bool, list_entries: bool
) -> BackupOptions:
    """Return what the options ask for; a repository below a target is not saved into itself."""
    return BackupOptions(
        labels=labels_from(values),
        excludes=Excludes(_exclude_options(values, repository)),
        parent=values["parent"] or "",
        use_parent=not values["force"],
        rules=ChangeRules(
            ignore_inode=values["ignore_inode"] or bool(os.environ.get("RESTIC_IGNORE_INODE")),
            ignore_ctime=values["ignore_ctime"] or bool(os.environ.get("RESTIC_IGNORE_CTIME")),
        ),
        with_atime=values["with_atime"],
        skip_if_unchanged=values["skip_if_unchanged"],
        count_ahead=count_ahead and not values["no_scan"],
        list_entries=list_entries,
    )


def _exclude_options(values: Mapping[str, Any], repository: str) -> ExcludeOptions:
    limit = values["exclude_larger_than"]
    return ExcludeOptions(
        patterns=tuple(all_patterns(values["exclude"], values["exclude_file"])),
        patterns_ignoring_case=tuple(all_patterns(values["iexclude"], values["iexclude_file"])),
        if_present=tuple(os.fsencode(tag) for tag in values["exclude_if_present"]),
        caches=values["exclude_caches"],
        larger_than=parse_size(limit) if limit is not None else None,
        one_file_system=values["one_file_system"],
        directories=(os.fsencode(repository),),
    )
