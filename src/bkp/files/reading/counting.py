"""Count what is to be saved, ahead of saving it, for progress to have an end."""

from collections.abc import Iterator

from bkp.events import Scanned, ignore
from bkp.files.selection.excludes import Excludes

from .targets import Plan
from .walk import Step, walk

_INTERVAL = 1000  # entries between two totals


def count(plan: Plan, excludes: Excludes) -> Iterator[Scanned]:
    """Yield running totals, the last of them finished.

    Tells nobody of problems and excluded entries, for saving meets them again.
    """
    files = dirs = size = 0
    for number, entry in enumerate(walk(plan, excludes, ignore, during="scan"), 1):
        if entry.is_file:
            files += 1
            size += entry.stat.st_size
        elif entry.step is Step.ENTER:
            dirs += 1
        if number % _INTERVAL == 0:
            yield Scanned(files, dirs, size, is_finished=False)
    yield Scanned(files, dirs, size, is_finished=True)
