"""bkp version: which bkp this is, and what it stands on."""

import platform
import sys
from importlib import import_module
from importlib.metadata import version as version_of

import click

from bkp.cli.options import declare, settings_of
from bkp.cli.output import json_line, line
from bkp.version import VERSION

_LIBRARIES = ("cryptography", "zstandard", "msgspec", "click", "rich")


@declare(
    ("bkp version", "the version"),
    ("bkp version -v", "and those of the libraries in use, and the native code chosen"),
    name="version",
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Print the version."""
    settings = settings_of(ctx)
    if settings.json:
        json_line(_as_json())
        return
    kernels = _kernels() if settings.verbose else ""
    line(f"bkp {VERSION}")
    if settings.verbose:
        for name in _LIBRARIES:
            line(f"{name} {version_of(name)}")
        line(f"kernels {kernels}")
        line(f"python {platform.python_version()} on {sys.platform} {platform.machine()}")


def _kernels() -> str:
    """Say which variants of the native code would run; raises UsageError for an impossible choice.

    Imported only now: most who ask for the version do not ask for this.
    """
    rabin: str = import_module("bkp.chunking.rabin").rabin_kernel()
    gear: str = import_module("bkp.chunking.fastcdc").gear_kernel()
    return f"rabin {rabin}, gear {gear}"


def _as_json() -> dict[str, str]:
    return {
        "message_type": "version",
        "version": VERSION,
        "python_version": platform.python_version(),
        "os": sys.platform,
        "arch": platform.machine(),
    }
