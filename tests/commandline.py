"""bkp's command line in this process, on stores in memory: a start takes no time."""

import io
import os
import shlex
import sys
from typing import NamedTuple

import click
import pytest

from bkp.cli import main, opening
from bkp.cli.main import bkp
from bkp.errors import NoRepository
from bkp.repo import locking
from bkp.store.base import Store
from repos import PASSWORD


class Outcome(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    output: str
    errors: str

    def advice(self) -> list[str]:
        """Return the commands that are advised, without the name of the program."""
        quoted = self.errors.split("`")[1::2]
        commands = [one.removeprefix("bkp ") for one in quoted if one.startswith("bkp ")]
        return commands + self.remedies()

    def remedies(self) -> list[str]:
        """Return those that a check says are to be run, in their order."""
        below = self.output.partition("what helps, in this order:\n")[2]
        lines = (line.partition("#")[0].strip() for line in below.splitlines())
        return [line.removeprefix("bkp ") for line in lines]


class CommandLine:
    """Runs commands; `stores` are found by their location."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.stores: dict[str, Store] = {}
        for name in list(os.environ):
            if name.startswith(("BKP_", "RESTIC_", "XDG_")):
                monkeypatch.delenv(name)
        monkeypatch.setenv("BKP_PASSWORD", PASSWORD)
        monkeypatch.setenv("BKP_FROM_PASSWORD", PASSWORD)
        monkeypatch.setattr(locking, "_SETTLE_SECONDS", 0)  # nobody else is there
        monkeypatch.setattr(opening, "open_store", self._open)
        # What a process may do to itself is not to be done to that of the tests.
        monkeypatch.setattr(main, "_handle_signals", lambda: None)
        monkeypatch.setattr(opening, "collect_rarely", lambda: None)
        monkeypatch.setattr(opening, "return_large_blocks", lambda: None)

    def _open(self, location: str) -> Store:
        try:
            return self.stores[location]
        except KeyError:
            raise NoRepository(location) from None

    def run(self, repository: str, *args: str) -> Outcome:
        """Run a command on one of the stores; a traceback is raised as it is."""
        printed = io.BytesIO(), io.BytesIO()
        streams = [io.TextIOWrapper(to, "utf-8", write_through=True) for to in printed]
        with self._monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", streams[0])
            patch.setattr(sys, "stderr", streams[1])
            code = main.run(["--repo", repository, "--no-cache", *args])
        return Outcome(code, *(to.getvalue().decode() for to in printed))


def assert_is_command(text: str) -> None:
    """See that a command that is advised exists, with its options."""
    command: click.Command = bkp
    words = shlex.split(text)
    with click.Context(bkp) as ctx:
        while isinstance(command, click.Group):
            found = command.get_command(ctx, words.pop(0))
            assert found is not None, text
            command = found
        options = {name for param in command.params for name in param.opts}
    assert {word for word in words if word.startswith("-")} <= options, text
