"""The options by which commands choose snapshots."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import click

from bkp.ops.select import SnapshotFilter


def snapshot_filters(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --host, --tag and --path to a command; it receives `hosts`, `tags`, `paths`."""
    return _filters(function, "-H", "--host")


def snapshot_filters_without_short(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the same to a command in which -H is something else."""
    return _filters(function, "--host")


def _filters(function: Callable[..., Any], *host_names: str) -> Callable[..., Any]:
    for option in (
        click.option("--path", "paths", multiple=True, metavar="PATH", help="Only with this path."),
        click.option(
            "--tag", "tags", multiple=True, metavar="TAG[,TAG]", help="Only with all these tags."
        ),
        click.option(
            *host_names, "hosts", multiple=True, metavar="HOST", help="Only of this host."
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
