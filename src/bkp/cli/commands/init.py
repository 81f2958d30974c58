"""bkp init: make a repository."""

from typing import Any

import click

from bkp.cli.opening import make_repository, open_other
from bkp.cli.options import declare, settings_of
from bkp.cli.other_repository import other_from, other_repository
from bkp.cli.output import json_line
from bkp.errors import UsageError
from bkp.repo.repository import NewRepository


@declare(
    ("bkp init -r /mnt/disk/backup", "make a repository on a disk"),
    ("bkp init", "make your own in its usual place"),
    ("bkp init -r /b --chunker fastcdc", "cut files by FastCDC instead of Rabin"),
    name="init",
)
@click.option(
    "--chunker",
    type=click.Choice(["rabin", "fastcdc"]),
    default="rabin",
    help="How files are cut; fastcdc finds no duplicates of what restic adds.  [default: rabin]",
)
@click.option(
    "--repository-version",
    type=click.Choice(["1", "2", "latest", "stable"]),
    default="2",
    help="The format; 1 knows no compression.  [default: 2]",
)
@other_repository
@click.option(
    "--copy-chunker-params",
    is_flag=True,
    help="Cut files where --from-repo does, so that copying between them saves space.",
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    chunker: str,
    repository_version: str,
    copy_chunker_params: bool,
    **values: Any,
) -> None:
    """Make a repository.

    The password is asked for, or taken from --password-file or the
    environment.  Whoever loses it loses the backups: there is no other way in.
    """
    settings = settings_of(ctx)
    other = other_from(values)
    if copy_chunker_params != (other is not None):
        raise UsageError("--copy-chunker-params and --from-repo are given together")
    like = open_other(settings, other).config if other is not None else None
    version = 1 if repository_version == "1" else 2
    new = NewRepository(version=version, chunker=chunker, cut_like=like)
    repo = make_repository(settings, new)
    if settings.json:
        json_line(
            {
                "message_type": "initialized",
                "id": repo.config.id,
                "repository": repo.location,
            }
        )
