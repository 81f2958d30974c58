"""The options that name a second repository, from which a command takes something."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class Other:
    """Where it is, and how it is opened."""

    location: str
    password_file: str | None
    password_command: str | None
    key_hint: str | None


def other_repository(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add them to a command; `other_from` reads the values it receives."""
    for option in reversed(
        (
            click.option(
                "--from-repo",
                metavar="LOCATION",
                help="The repository to take from.  [env: BKP_FROM_REPOSITORY, ...]",
            ),
            click.option(
                "--from-password-file",
                metavar="FILE",
                help="Read its password from a file.  [env: BKP_FROM_PASSWORD_FILE, ...]",
            ),
            click.option(
                "--from-password-command", metavar="COMMAND", help="Get it from a command."
            ),
            click.option("--from-key-hint", metavar="ID", help="Try this key of it first."),
        )
    ):
        function = option(function)
    return function


def other_from(values: dict[str, Any]) -> Other | None:
    """Return what the options or the environment name, None if they name none."""
    location = (
        values["from_repo"]
        or os.environ.get("BKP_FROM_REPOSITORY")
        or os.environ.get("RESTIC_FROM_REPOSITORY")
    )
    if not location:
        return None
    return Other(
        location,
        values["from_password_file"],
        values["from_password_command"],
        values["from_key_hint"],
    )
