"""Problems and notices as lines on standard error, counted."""

import threading

from bkp.events import Event, Notice, Problem

from . import exits
from .options import Settings
from .output import notice, path_text, problem


class Problems:
    """A reporter that prints problems and notices and ignores progress."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self.count = 0

    def __call__(self, event: Event) -> None:
        """Take an event, from any thread."""
        match event:
            case Problem(during, path, message):
                with self._lock:
                    self.count += 1
                problem(self._settings, during, path_text(path), message)
            case Notice(message):
                notice(self._settings, message)
            case _:
                pass

    def failure_code(self) -> int:
        """Return the exit code of a command that reads the repository."""
        return exits.FAILURE if self.count else exits.OK

    def incomplete_code(self) -> int:
        """Return the exit code of a command that reads or writes the user's files."""
        return exits.INCOMPLETE if self.count else exits.OK
