"""What commands show that work in stages: problems as they are found, and how far they are."""

import sys
import time

from bkp.events import Checked, Event

from .events import Problems
from .options import Settings
from .output import is_terminal

_INTERVAL = 0.1  # seconds between two drawings of the line
_CLEAR = "\r\x1b[K"


class StageReport(Problems):
    """Takes the events of such a command; a context manager around it.

    On a terminal there is one line that is drawn over and over, and that
    begins with what is done: "checking", say.
    """

    def __init__(self, settings: Settings, doing: str) -> None:
        super().__init__(settings)
        self._doing = doing
        self._draws = is_terminal() and not settings.quiet and not settings.json
        self._drawn = 0.0

    def __enter__(self) -> "StageReport":
        return self

    def __exit__(self, *exc: object) -> None:
        self.clear()

    def __call__(self, event: Event) -> None:
        """Take an event, from any thread."""
        if isinstance(event, Checked):
            self._draw(event)
            return
        self.clear()
        super().__call__(event)

    def _draw(self, event: Checked) -> None:
        now = time.monotonic()
        if not self._draws or now - self._drawn < _INTERVAL:
            return
        self._drawn = now
        sys.stderr.write(f"{_CLEAR}{self._doing} {event.what}: {event.done} of {event.total}")
        sys.stderr.flush()

    def clear(self) -> None:
        """Make room for a line of output."""
        if self._drawn:
            self._drawn = 0.0
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
