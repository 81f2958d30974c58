"""bkp dump: write a file or directory of a snapshot to standard output."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import click

from bkp.cli.events import Problems
from bkp.cli.filters import filter_from, snapshot_filters
from bkp.cli.opening import open_unindexed
from bkp.cli.options import declare, settings_of
from bkp.errors import UsageError
from bkp.ops.dump.run import FORMATS, write_archive, write_file
from bkp.ops.locate import absolute, find_place, parse_operand, place_in


@declare(
    ("bkp dump latest > all.tar", "a whole snapshot"),
    ("bkp dump latest:/home/me | tar -tv", "a directory; names are relative to it"),
    ("bkp dump latest /home/me -a zip -t me.zip", "names from the root, into a file"),
    ("bkp dump latest /etc/fstab", "a file, as it is"),
    name="dump",
)
@click.argument("snapshot", metavar="SNAPSHOT[:PATH]")
@click.argument("path", required=False, metavar="[PATH]")
@click.option(
    "-a",
    "--archive",
    type=click.Choice(list(FORMATS)),
    default="tar",
    help="The kind of archive.  [default: tar]",
)
@click.option("-t", "--target", metavar="FILE", help="Write to a new file.")
@snapshot_filters
@click.pass_context
def command(
    ctx: click.Context,
    snapshot: str,
    path: str | None,
    archive: str,
    target: str | None,
    hosts: Sequence[str],
    tags: Sequence[str],
    paths: Sequence[str],
) -> int:
    """Write a file or directory of a snapshot to standard output.

    A file is written as it is, a directory as a tar or zip archive.  A tar
    archive has everything: times in nanoseconds, extended attributes, hard
    links, devices.
    """
    settings = settings_of(ctx)
    problems = Problems(settings)
    if target is None and sys.stdout.isatty():
        raise UsageError("not to a terminal; redirect the output or give --target")
    repo = open_unindexed(settings, problems)
    ctx.with_resource(repo.reading())
    repo.load_intact_index()
    operand = parse_operand(snapshot)
    place = find_place(repo, operand, filter_from(hosts, tags, paths).matches)
    base = place.path
    if path is not None:
        below = absolute(operand.path + b"/" + os.fsencode(path))
        place = place_in(repo, place.saved, below)
    with _output(target) as stream:
        if place.is_directory:
            write_archive(repo, place, FORMATS[archive](stream), base, problems)
        elif place.node is not None and place.node.type == "file":
            write_file(repo, place.node, stream)
        else:
            raise UsageError(f"{os.fsdecode(place.path)} has no contents to write")
    return problems.failure_code()


@contextmanager
def _output(target: str | None) -> Iterator[BinaryIO]:
    if target is None:
        yield sys.stdout.buffer
        return
    try:
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise UsageError(f"{target} exists already; nothing is overwritten") from None
    except OSError as error:
        raise UsageError(f"{target} cannot be made: {error.strerror}") from error
    try:
        with os.fdopen(fd, "wb") as stream:
            yield stream
    except BaseException:
        os.unlink(target)  # half a file would look like a whole one
        raise
