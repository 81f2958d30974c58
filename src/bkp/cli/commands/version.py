"""bkp version: which bkp this is, and what it stands on."""

import platform
import sys
from importlib import import_module

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
    details = _details() if settings.verbose else []
    line(f"bkp {VERSION}")
    for text in details:
        line(text)


def _details() -> list[str]:
    """Say what bkp stands on here; raises UsageError for an impossible choice of native code.

    Imported only now: most who ask for the version do not ask for this.
    """
    metadata = import_module("importlib.metadata")
    rabin: str = import_module("bkp.chunking.rabin").rabin_kernel()
    gear: str = import_module("bkp.chunking.fastcdc").gear_kernel()
    sealing: str = import_module("bkp.repo.sealing").describe_engine()
    return [
        *(f"{name} {metadata.version(name)}" for name in _LIBRARIES),
        f"kernels rabin {rabin}, gear {gear}",
        f"sealing {sealing}",
        f"python {platform.python_version()} on {sys.platform} {platform.machine()}",
    ]


def _as_json() -> dict[str, str]:
    return {
        "message_type": "version",
        "version": VERSION,
        "python_version": platform.python_version(),
        "os": sys.platform,
        "arch": platform.machine(),
    }
