"""What an error of the operating system means for a store."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from bkp.errors import AccessDenied, NotFound, StoreError, StoreFull, Unavailable


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise an OSError as the StoreError it is, which names `what` it happened to."""
    try:
        yield
    except OSError as error:
        raise translate(what, error) from error


def translate(what: str, error: OSError) -> StoreError:
    """Return the StoreError for an OSError; it says what to do where that is known."""
    reason = f"{what}: {os.strerror(error.errno) if error.errno else error}".lower()
    match error.errno:
        case errno.ENOENT:
            return NotFound(f"{what} does not exist")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return AccessDenied(reason)
        case errno.ENOSPC | errno.EDQUOT:
            return StoreFull(f"{reason}; free some space, then run this again")
        case errno.EIO | errno.EAGAIN | errno.ETIMEDOUT | errno.ESTALE:
            return Unavailable(reason)
        case _:
            return StoreError(reason)
