"""How far a long command is: what is done of what total, at which rate."""

import os
import time
from dataclasses import dataclass, field

_JSON_UPDATES = 10.0  # per second, as restic's
_SHOWN_FILES = 4


@dataclass(slots=True)
class Status:
    """How far a command is; written by its reporter, read by the renderer."""

    files_done: int = 0
    bytes_done: int = 0
    total_files: int = 0
    total_bytes: int = 0
    is_total_known: bool = False
    errors: int = 0
    current: dict[bytes, None] = field(default_factory=dict)  # an ordered set
    begin: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        """Return how long it has been running."""
        return time.monotonic() - self.begin

    def fraction(self) -> float:
        """Return how much is done, of 1; 0 while the total is unknown."""
        if not self.is_total_known:
            return 0.0
        if self.total_bytes:
            return min(1.0, self.bytes_done / self.total_bytes)
        return min(1.0, self.files_done / self.total_files) if self.total_files else 0.0

    def seconds_left(self) -> float | None:
        """Return an estimate, or None while there is nothing to base one on."""
        fraction = self.fraction()
        if fraction < 0.001 or self.seconds() < 1:
            return None
        return self.seconds() * (1 - fraction) / fraction


def shown_files(status: Status) -> list[bytes]:
    """Return the files being read, not more than fit on a screen."""
    return list(status.current)[:_SHOWN_FILES]


def updates_per_second() -> float:
    """Return how often JSON status is printed, which restic lets the environment say."""
    try:
        given = float(os.environ.get("RESTIC_PROGRESS_FPS", ""))
    except ValueError:
        return _JSON_UPDATES
    return min(max(given, 0.001), 60.0)
