"""Drawing how far a long command is on a terminal.

The only module that needs rich, which takes longer to import than many
commands take to run; see drawing.
"""

from rich.console import Console
from rich.live import Live
from rich.text import Text

from .output import duration_text, path_text, safe, size_text
from .status import Status, shown_files

_REDRAWS = 10  # per second


class TerminalProgress:
    """Draws a status on standard error ten times a second; a context manager."""

    def __init__(self, status: Status, verb: str) -> None:
        self._status = status
        self._verb = verb
        self._live = Live(
            console=Console(stderr=True),
            get_renderable=self._draw,
            refresh_per_second=_REDRAWS,
            transient=True,
        )

    def __enter__(self) -> "TerminalProgress":
        self._live.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.stop()

    def _draw(self) -> Text:
        status = self._status
        lines = [
            self._summary(status),
            *(f"  {safe(path_text(path))}" for path in shown_files(status)),
        ]
        return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")

    def _summary(self, status: Status) -> str:
        seconds = status.seconds()
        parts = [f"{self._verb} {duration_text(seconds)}"]
        if status.is_total_known:
            parts.append(f"{status.fraction():4.0%}")
            parts.append(f"{status.files_done} of {status.total_files} files")
            parts.append(f"{size_text(status.bytes_done)} of {size_text(status.total_bytes)}")
        else:
            parts.append(f"{status.files_done} files")
            parts.append(size_text(status.bytes_done))
        parts.append(f"{size_text(int(status.bytes_done / max(seconds, 0.1)))}/s")
        if (left := status.seconds_left()) is not None:
            parts.append(f"{duration_text(left)} left")
        if status.errors:
            parts.append(f"{status.errors} errors")
        return ", ".join(parts)
