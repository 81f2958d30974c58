"""bkp init: make a repository."""

import click

from bkp.cli.opening import make_repository, open_from
from bkp.cli.options import declare, settings_of
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
@click.option("--from-repo", metavar="LOCATION", help="The repository to take parameters from.")
@click.option("--from-password-file", metavar="FILE", help="Its password.")
@click.option(
    "--copy-chunker-params",
    is_flag=True,
    help="Cut files where --from-repo does, so that copying between them saves space.",
)
@click.pass_context
def command(
    ctx: click.Context,
    chunker: str,
    repository_version: str,
    from_repo: str | None,
    from_password_file: str | None,
    copy_chunker_params: bool,
) -> None:
    """Make a repository.

    The password is asked for, or taken from --password-file or the
    environment.  Whoever loses it loses the backups: there is no other way in.
    """
    settings = settings_of(ctx)
    if copy_chunker_params != bool(from_repo):
        raise UsageError("--copy-chunker-params and --from-repo are given together")
    like = open_from(from_repo, from_password_file).config if from_repo else None
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
