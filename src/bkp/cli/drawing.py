"""Draw progress where somebody watches; the means are imported only then.

rich takes longer to import than many commands take to run.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module

from bkp.workers import Heartbeat

from .options import Settings
from .output import is_terminal
from .status import Status, updates_per_second


def progress(
    settings: Settings, status: Status, verb: str, print_status: Callable[[], None]
) -> AbstractContextManager[object]:
    """Return what shows a status while it is entered, in the way that was asked for.

    On a terminal it is drawn, with --json `print_status` is called at
    intervals, and otherwise there is silence.
    """
    if settings.quiet:
        return nullcontext()
    if settings.json:
        return Heartbeat(1 / updates_per_second(), print_status)
    if not is_terminal():
        return nullcontext()
    drawn: AbstractContextManager[object] = import_module("bkp.cli.progress").TerminalProgress(
        status, verb
    )
    return drawn
