"""The entry point: find the command, run it, turn what it raises into an exit code.

Start-up stays cheap: a command's module, and with it everything below the
command line, is imported only when that command is used.
"""

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from bkp.errors import BkpError, Interrupted

from . import exits
from .options import GLOBAL_OPTIONS, Settings
from .output import fail

# Name, short help.  The module is `commands.<name>`.
_SECTIONS: dict[str, dict[str, str]] = {
    "Back up and restore": {
        "snapshot": "Save files and directories as a new snapshot.",
        "restore": "Bring back a snapshot, or a part of one.",
    },
    "Look": {
        "snapshots": "List the snapshots.",
        "ls": "List the files of a snapshot.",
        "find": "Find files in all snapshots.",
        "diff": "Compare snapshots with each other or with what is on disk.",
        "cat": "Print a file of a snapshot, or an object of the repository.",
        "list": "List the names of what the repository is made of.",
        "dump": "Write a directory of a snapshot as a tar or zip archive.",
        "stats": "Tell how much is stored.",
    },
    "Keep": {
        "forget": "Remove snapshots that no rule keeps.",
        "prune": "Free what no snapshot needs.",
        "tag": "Change the tags of snapshots.",
        "rewrite": "Leave something out of snapshots, or correct them.",
        "copy": "Take over snapshots from another repository.",
        "check": "Verify that everything can be restored.",
        "repair": "Bring back to order what was damaged.",
        "recover": "Find what no snapshot holds any more.",
        "key": "Manage passwords.",
        "unlock": "Remove locks that dead processes left.",
        "cache": "List or remove what is kept on this machine.",
    },
    "Set up": {
        "init": "Make a repository.",
        "migrate": "Bring a repository to a newer version of its format.",
        "completion": "Print completion code for a shell.",
        "version": "Print the version.",
    },
}
_ALIASES = {"backup": "snapshot"}


class Commands(click.Group):
    """The group of all commands, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order of the help."""
        return [name for section in _SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command, by its name or alias."""
        name = _ALIASES.get(cmd_name, cmd_name)
        if name not in self.list_commands(ctx):
            return None
        module = import_module(f"bkp.cli.commands.{name}")
        command: click.Command = module.command
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """List the commands by section, without importing any."""
        for title, section in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(section.items()))


@click.command(
    cls=Commands,
    params=list(GLOBAL_OPTIONS),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`bkp COMMAND --help` tells more and shows examples.",
)
def bkp() -> None:
    """Deduplicating, encrypted backups in restic's repository format.

    `bkp snapshot ~/Documents` saves a directory, `bkp snapshots` lists what
    is saved, `bkp restore` brings it back.
    """


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run bkp as a program and exit."""
    sys.exit(run(argv))


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    _open_closed_streams()
    _handle_signals()
    settings = Settings()
    try:
        result = bkp.main(argv, prog_name="bkp", standalone_mode=False, obj=settings)
        _flush()
        return result if isinstance(result, int) else exits.OK
    except BkpError as error:
        return fail(settings, exits.code_for(error), str(error))
    except click.UsageError as error:
        hint = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
        message = error.format_message().replace("\n\t", " ")  # a list of choices, in lines
        return fail(settings, exits.USAGE, message + hint)
    except click.ClickException as error:
        return fail(settings, exits.FAILURE, error.format_message())
    except (KeyboardInterrupt, click.Abort):
        return fail(settings, exits.INTERRUPTED, "interrupted")
    except BrokenPipeError:
        return _reader_left()
    except (MemoryError, RecursionError) as error:
        return fail(settings, exits.FAILURE, f"not enough memory: {type(error).__name__}")
    except OSError as error:
        if error.errno == errno.EPIPE:
            return _reader_left()
        return fail(settings, exits.FAILURE, str(error))


def _open_closed_streams() -> None:
    """Put /dev/null in the place of streams that are closed, as under some daemons.

    Otherwise a file of the repository could become standard output.
    """
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != fd:
                os.dup2(opened, fd)
                os.close(opened)
            setattr(sys, name, open(fd, mode, closefd=False))  # noqa: SIM115


def _flush() -> None:
    sys.stdout.flush()  # here, where a full disk or a closed pipe can still be told


def _reader_left() -> int:
    """End quietly when whoever read our output has gone, as `head` does."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return exits.FAILURE


def _handle_signals() -> None:
    def stop(number: int, _frame: object) -> None:
        raise Interrupted(f"stopped by {signal.Signals(number).name}")

    signal.signal(signal.SIGTERM, stop)
    # restic's clients probe each other's locks with SIGHUP and count on its being ignored.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
