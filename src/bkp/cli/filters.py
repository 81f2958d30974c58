"""The options by which commands choose snapshots."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import click

from bkp.ops.select import SnapshotFilter


def snapshot_filters(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --host, --tag and --path to a command; it receives `hosts`, `tags`, `paths`."""
    for option in (
        click.option("--path", "paths", multiple=True, metavar="PATH", help="Only with this path."),
        click.option(
            "--tag", "tags", multiple=True, metavar="TAG[,TAG]", help="Only with all these tags."
        ),
        click.option(
            "-H", "--host", "hosts", multiple=True, metavar="HOST", help="Only of this host."
        ),
    ):
        function = option(function)
    return function


def filter_from(hosts: Sequence[str], tags: Sequence[str], paths: Sequence[str]) -> SnapshotFilter:
    """Return what the options ask for; relative paths are meant from here."""
    return SnapshotFilter(
        hosts=hosts,
        tag_lists=[[tag for tag in given.split(",") if tag] for given in tags],
        paths=[os.path.abspath(path) for path in paths],
    )
