"""bkp version: which bkp this is, and what it stands on."""

import platform
import sys
from importlib.metadata import version as version_of

import click

from bkp.cli.options import declare, settings_of
from bkp.cli.output import json_line, line
from bkp.version import VERSION

_LIBRARIES = ("cryptography", "zstandard", "msgspec", "click", "rich")


@declare(
    ("bkp version", "the version"),
    ("bkp version -v", "and those of the libraries in use"),
    name="version",
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Print the version."""
    settings = settings_of(ctx)
    if settings.json:
        json_line(_as_json())
        return
    line(f"bkp {VERSION}")
    if settings.verbose:
        for name in _LIBRARIES:
            line(f"{name} {version_of(name)}")
        line(f"python {platform.python_version()} on {sys.platform} {platform.machine()}")


def _as_json() -> dict[str, str]:
    return {
        "message_type": "version",
        "version": VERSION,
        "python_version": platform.python_version(),
        "os": sys.platform,
        "arch": platform.machine(),
    }
