"""What `bkp check` shows while it runs: faults as they are found, and how far it is."""

import sys
import time

from bkp.events import Checked, Event

from .events import Problems
from .options import Settings
from .output import is_terminal

_INTERVAL = 0.1  # seconds between two drawings of the line
_CLEAR = "\r\x1b[K"


class CheckReport(Problems):
    """Takes the events of a check; a context manager around it.

    On a terminal there is one line that is drawn over and over.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._draws = is_terminal() and not settings.quiet and not settings.json
        self._drawn = 0.0

    def __enter__(self) -> "CheckReport":
        return self

    def __exit__(self, *exc: object) -> None:
        self._clear()

    def __call__(self, event: Event) -> None:
        """Take an event, from any thread."""
        if isinstance(event, Checked):
            self._draw(event)
            return
        self._clear()
        super().__call__(event)

    def _draw(self, event: Checked) -> None:
        now = time.monotonic()
        if not self._draws or now - self._drawn < _INTERVAL:
            return
        self._drawn = now
        sys.stderr.write(f"{_CLEAR}checking {event.what}: {event.done} of {event.total}")
        sys.stderr.flush()

    def _clear(self) -> None:
        if self._drawn:
            self._drawn = 0.0
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
