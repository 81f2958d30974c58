"""Exit codes: restic's, so that scripts written for it keep working."""

from bkp.errors import BkpError, Interrupted, Locked, NoRepository, UsageError, WrongPassword

OK = 0
FAILURE = 1
USAGE = 2
INCOMPLETE = 3  # a snapshot or restore was made, but something could not be read or written
NO_REPOSITORY = 10
LOCKED = 11
WRONG_PASSWORD = 12
INTERRUPTED = 130

_CODES: tuple[tuple[type[BkpError], int], ...] = (
    (UsageError, USAGE),
    (NoRepository, NO_REPOSITORY),
    (Locked, LOCKED),
    (WrongPassword, WRONG_PASSWORD),
    (Interrupted, INTERRUPTED),
)


def code_for(error: BkpError) -> int:
    """Return the exit code that an error ends the program with."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILURE)
