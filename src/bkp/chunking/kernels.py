"""Choose among the variants of a kernel: the fastest here, or the one the environment names."""

import os

from bkp.errors import UsageError


def chosen(variable: str, runs_here: tuple[str, ...]) -> str:
    """Return the variant that an environment variable names, or without one the last.

    All variants give the same result, so this is for tests and measurements.
    Raises UsageError if the name is none of those that run here: to measure
    another than was asked for would be worse.
    """
    name = os.environ.get(variable)
    if not name:
        return runs_here[-1]
    if name not in runs_here:
        raise UsageError(
            f"{variable}={name} is impossible here; this processor can run {', '.join(runs_here)}"
        )
    return name
