"""Every error bkp raises on purpose.

    BkpError
    |-- UsageError             the request makes no sense
    |-- Interrupted            a signal asked the run to stop
    |-- StoreError             the storage could not do it
    |   |-- NotFound           no object of that name
    |   |-- AlreadyExists      a create-only put met an object
    |   |-- AccessDenied       credentials or permissions
    |   |-- StoreFull          no space left
    |   `-- Unavailable        may succeed later; the only one worth trying again
    |-- RepositoryError        the repository as a whole cannot be used like this
    |   |-- NoRepository
    |   |-- Locked
    |   |-- WrongPassword
    |   `-- UnsupportedFormat
    |-- IntegrityError         stored bytes are not what they must be
    |   |-- Truncated          ends before the range asked for
    |   |-- Malformed          does not parse
    |   |-- Inauthentic        failed its MAC or its SHA-256
    |   `-- Missing            something referenced is not there
    |       `-- OutOfReach     or it is, but cannot be read now, which may pass
    `-- SourceError            one entry of the local file system failed

A class exists because somebody branches on it.  Messages are lower case,
name the thing, and say what to do when that is known.  Which exit code an
error becomes is the business of the command line alone.
"""


class BkpError(Exception):
    """Anything bkp raises on purpose."""


class UsageError(BkpError):
    """The request makes no sense: a bad option, name or path."""


class Interrupted(BkpError):
    """A signal asked the run to stop."""


class StoreError(BkpError):
    """The storage could not do what was asked."""


class NotFound(StoreError):
    """There is no object of that name."""


class AlreadyExists(StoreError):
    """A create-only put met an object of the same name."""


class AccessDenied(StoreError):
    """Credentials or permissions do not allow it."""


class StoreFull(StoreError):
    """The storage has no space left."""


class Unavailable(StoreError):
    """The storage failed in a way that may pass; trying again could help."""


class RepositoryError(BkpError):
    """The repository as a whole cannot be used like this."""


class NoRepository(RepositoryError):
    """There is no repository at the location."""


class Locked(RepositoryError):
    """Somebody else holds a lock that excludes ours."""


class WrongPassword(RepositoryError):
    """No key of the repository opens with the password."""


class UnsupportedFormat(RepositoryError):
    """The repository asks for something this version does not understand."""


class IntegrityError(BkpError):
    """Stored bytes are not what they must be."""


class Truncated(IntegrityError):
    """An object ends before the range that was asked for."""


class Malformed(IntegrityError):
    """Stored bytes do not parse, or promise something absurd."""


class Inauthentic(IntegrityError):
    """Stored bytes failed their MAC or their SHA-256."""


class Missing(IntegrityError):
    """Something that is referenced is not in the repository."""


class OutOfReach(Missing):
    """Something that is referenced cannot be read now; it must not be taken for lost."""


class SourceError(BkpError):
    """One entry of the local file system could not be read or written."""

    def __init__(self, path: bytes, message: str) -> None:
        super().__init__(message)
        self.path = path
