"""Options that every command takes, before or after its name, and what they come to.

Only this module, `opening`, `passwords` and `other_repository` read the environment.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

_HELP = ["-h", "--help"]


@dataclass(slots=True)
class Settings:
    """What the global options were set to; filled while the command line is parsed."""

    repository: str | None = None
    password_file: str | None = None
    password_command: str | None = None
    key_hint: str | None = None
    compression: str | None = None
    pack_size: int | None = None  # MiB
    no_extra_verify: bool = False
    no_lock: bool = False
    retry_lock: str | None = None
    cache_dir: str | None = None
    no_cache: bool = False
    json: bool = False
    quiet: bool = False
    verbose: int = 0


def settings_of(ctx: click.Context) -> Settings:
    """Return the settings of this invocation."""
    settings = ctx.find_root().obj
    if not isinstance(settings, Settings):
        raise TypeError("the root context has no settings")
    return settings


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Store an option in the settings; one that was not given leaves them alone."""
    source = ctx.get_parameter_source(param.name or "")
    if source is click.core.ParameterSource.COMMANDLINE:
        setattr(settings_of(ctx), param.name or "", value)


def _option(*names: str, **attributes: Any) -> click.Option:
    return click.Option(list(names), expose_value=False, callback=_remember, **attributes)


GLOBAL_OPTIONS: tuple[click.Option, ...] = (
    _option(
        "-r",
        "--repo",
        "repository",
        metavar="LOCATION",
        help="The repository.  [env: BKP_REPOSITORY, RESTIC_REPOSITORY; default: your own]",
    ),
    _option(
        "-p",
        "--password-file",
        metavar="FILE",
        help="Read the password from a file.  [env: BKP_PASSWORD_FILE, RESTIC_PASSWORD_FILE]",
    ),
    _option(
        "--password-command",
        metavar="COMMAND",
        help="Get the password from a command.  [env: BKP_PASSWORD_COMMAND, ...]",
    ),
    _option("--key-hint", metavar="ID", help="Try this key first."),
    _option(
        "--compression",
        type=click.Choice(["auto", "off", "fastest", "better", "max"]),
        help="How hard to compress what is stored.  [default: auto]",
    ),
    _option(
        "--pack-size",
        type=click.IntRange(4, 128),
        metavar="MIB",
        help="Size at which a pack is closed.  [default: 16]",
    ),
    _option(
        "--no-extra-verify",
        is_flag=True,
        help="Do not open again what was sealed, which finds broken memory.",
    ),
    _option(
        "--cache-dir",
        metavar="DIR",
        help="Keep what speeds up the next run here.  [env: BKP_CACHE_DIR, RESTIC_CACHE_DIR]",
    ),
    _option("--no-lock", is_flag=True, help="Read without a lock.  Writing is then refused."),
    _option(
        "--retry-lock",
        metavar="TIME",
        help="Wait so long for the locks of others, as in 5m or 1h30m.",
    ),
    _option("--no-cache", is_flag=True, help="Keep nothing on this machine, and use nothing kept."),
    _option("--json", is_flag=True, help="Print JSON, in restic's shapes."),
    _option("-q", "--quiet", is_flag=True, help="Print errors and asked-for output only."),
    _option("-v", "--verbose", count=True, help="Print more; twice for every file."),
)


class Command(click.Command):
    """A command that takes the global options too; they are not listed in its help."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        attributes.setdefault("context_settings", {"help_option_names": _HELP})
        super().__init__(*args, **attributes)
        own = {name for param in self.params for name in param.opts}
        for option in GLOBAL_OPTIONS:
            opts = [name for name in option.opts if name not in own]
            if opts:
                self.params.append(_hidden(option, opts))


def _hidden(option: click.Option, opts: list[str]) -> click.Option:
    return click.Option(
        [*opts, option.name or ""],
        expose_value=False,
        callback=_remember,
        type=option.type if not option.is_flag and not option.count else None,
        is_flag=option.is_flag or None,
        count=option.count,
        hidden=True,
    )


def examples(*lines: tuple[str, str]) -> str:
    """Return the text of examples for a command's help: a command, and what it is for."""
    width = max(len(command) for command, _ in lines)
    shown = "\n".join(f"  {command:<{width}}  {purpose}" for command, purpose in lines)
    return f"\b\nExamples:\n{shown}"


def declare(*lines: tuple[str, str], **attributes: Any) -> Callable[..., Command]:
    """Declare a command with examples; use as click.command."""
    return functools.partial(
        click.command, cls=Command, epilog=examples(*lines) if lines else None, **attributes
    )()


def declare_group(name: str, help_text: str) -> click.Group:
    """Declare a command that has commands of its own."""
    return click.Group(name, help=help_text, context_settings={"help_option_names": _HELP})
