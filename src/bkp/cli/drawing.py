"""Draw progress where somebody watches; the means are imported only then.

rich takes longer to import than many commands take to run.
"""

from contextlib import AbstractContextManager
from importlib import import_module

from .status import Status


def terminal_progress(status: Status, verb: str) -> AbstractContextManager[object]:
    """Return what draws a status on standard error while it is entered."""
    drawing: AbstractContextManager[object] = import_module("bkp.cli.progress").TerminalProgress(
        status, verb
    )
    return drawing
