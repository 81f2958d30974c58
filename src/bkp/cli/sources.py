"""Streams to save: standard input, or what a command prints."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from io import FileIO
from typing import Any

from bkp.errors import BkpError, UsageError
from bkp.ops.backup.stdin import Source

from .passwords import environment_for_commands


def chosen(values: Mapping[str, Any]) -> Source | None:
    """Return the stream that the options ask to save, or None if they do not."""
    if values["stdin_from_command"]:
        if not values["paths"]:
            raise UsageError("--stdin-from-command needs a command; it follows `--`")
        return _output_of(values["paths"])
    if not values["stdin"]:
        return None
    if values["paths"]:
        raise UsageError("--stdin and paths exclude each other")
    if sys.stdin.isatty():
        raise UsageError("standard input is a terminal; pipe something into bkp")
    os.set_blocking(sys.stdin.fileno(), True)  # whoever shares the pipe may have set it otherwise
    # Unbuffered: a read gives what there is, and the chunker does the buffering.
    return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)


@contextlib.contextmanager
def _output_of(command: Sequence[str]) -> Iterator[FileIO]:
    """Run a command; raise BkpError unless it succeeds, as its output is then no backup."""
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, bufsize=0, env=environment_for_commands()
        )
    except OSError as error:
        raise UsageError(f"cannot run {command[0]}: {error.strerror}") from error
    with process:
        assert isinstance(process.stdout, FileIO)  # unbuffered
        try:
            yield process.stdout
        except BaseException:  # nobody reads on, and nobody should wait for it
            process.kill()
            raise
    if process.returncode != 0:
        raise BkpError(
            f"{command[0]} failed with exit code {process.returncode}; no snapshot was made"
        )
