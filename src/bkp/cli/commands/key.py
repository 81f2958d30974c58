"""bkp key: the passwords that open a repository."""

import click

from bkp.cli.events import Problems
from bkp.cli.opening import open_unindexed
from bkp.cli.options import Command, declare_group, settings_of
from bkp.cli.output import json_line, line
from bkp.cli.passwords import ask_password, password_from_file
from bkp.cli.tables import print_table
from bkp.errors import UsageError
from bkp.ops.keys import add_password, change_password, keys_of, remove_password
from bkp.repo.keyring import KeySlot

command = declare_group(
    "key",
    "Manage passwords.\n\nEvery key opens the whole repository; each has a password of its own.",
)

_new_password = click.option(
    "--new-password-file", metavar="FILE", help="Read the new password from a file."
)


@command.command(cls=Command, name="list")
@click.pass_context
def list_(ctx: click.Context) -> int:
    """List the keys; the one in use is marked."""
    settings = settings_of(ctx)
    problems = Problems(settings)
    repo = open_unindexed(settings, problems)
    slots = keys_of(repo)
    if settings.json:
        json_line([_as_json(slot, repo.key_id) for slot in slots])
        return problems.failure_code()
    rows = [
        [
            ["*" if slot.id == repo.key_id else ""],
            [slot.id[:8]],
            [slot.file.username],
            [slot.file.hostname],
            [slot.file.created[:19].replace("T", " ")],
        ]
        for slot in slots
    ]
    print_table(["", "ID", "User", "Host", "Created"], rows)
    return problems.failure_code()


@command.command(cls=Command)
@_new_password
@click.option("--user", default="", help="The user name to record.")
@click.option("--host", default="", help="The host name to record.")
@click.pass_context
def add(ctx: click.Context, new_password_file: str | None, user: str, host: str) -> None:
    """Add a password."""
    repo = open_unindexed(settings_of(ctx))
    key_id = add_password(repo, _ask_new(new_password_file), user=user, host=host)
    line(f"added key {key_id[:8]}")


@command.command(cls=Command)
@click.argument("key_id", metavar="ID")
@click.pass_context
def remove(ctx: click.Context, key_id: str) -> None:
    """Remove a key, by its id or the beginning of it."""
    repo = open_unindexed(settings_of(ctx))
    removed = remove_password(repo, key_id)
    line(f"removed key {removed[:8]}")


@command.command(cls=Command)
@_new_password
@click.pass_context
def passwd(ctx: click.Context, new_password_file: str | None) -> None:
    """Change the password in use: add a new one, remove the old."""
    repo = open_unindexed(settings_of(ctx))
    key_id = change_password(repo, _ask_new(new_password_file))
    line(f"the password is changed; its key is {key_id[:8]}")


def _ask_new(path: str | None) -> str:
    if path is not None:
        return password_from_file(path)
    try:
        return ask_password("new password: ", twice=True)
    except UsageError as error:
        raise UsageError(f"{error}; --new-password-file takes the new one") from error


def _as_json(slot: KeySlot, in_use: str) -> dict[str, object]:
    return {
        "current": slot.id == in_use,
        "id": slot.id,
        "shortId": slot.id[:8],
        "userName": slot.file.username,
        "hostName": slot.file.hostname,
        "created": slot.file.created[:19].replace("T", " "),
    }
