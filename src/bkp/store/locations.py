"""From a location, as people write it, to a store."""

import re
from pathlib import Path

from bkp.errors import UsageError

from .base import Store
from .local import LocalStore

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):(.*)", re.DOTALL)


def open_store(location: str) -> Store:
    """Return the store of an existing repository; raises NoRepository if there is none."""
    return LocalStore.open(_local_path(location))


def create_store(location: str) -> Store:
    """Return a store for a new repository, making its directories."""
    return LocalStore.create(_local_path(location))


def _local_path(location: str) -> Path:
    match = _SCHEME.fullmatch(location)
    if match is None:
        return Path(location).absolute()
    scheme, rest = match.groups()
    if scheme != "local":
        raise UsageError(
            f"{scheme}: locations are not supported by this version; give a path or local:PATH"
        )
    return Path(rest).absolute()
