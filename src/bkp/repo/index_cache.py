"""The saved index of a repository on this machine, and whether to trust it.

Nothing depends on it: what cannot be used is built anew from the repository,
and what cannot be written is not.
"""

import mmap
import os
from collections.abc import Iterable

from bkp.crypto.seal import Key
from bkp.errors import IntegrityError
from bkp.events import Notice, Reporter

from .cachedir import CacheDirectory
from .index import BlobIndex
from .saved_index import SavedIndex, read_index_file, write_index

_NAME = "blobs"


class IndexCache:
    """The saved index of one repository, in a directory that is kept for it."""

    def __init__(self, directory: CacheDirectory, key: Key, report: Reporter) -> None:
        self._directory = directory
        self._key = key
        self._report = report

    def load(self) -> SavedIndex | None:
        """Return the saved index, or None if there is none that can be used."""
        try:
            return read_index_file(self._map(), self._key)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, IntegrityError) as error:
            path = self._directory.path / _NAME
            self._report(Notice(f"not using the cached index {path}: {error}"))
            return None

    def _map(self) -> mmap.mmap:
        with self._directory.open(_NAME) as file:
            # Private and writable: what is distrusted is marked in our own copy of a page.
            prot = mmap.PROT_READ | mmap.PROT_WRITE
            size = os.fstat(file.fileno()).st_size
            mapped = mmap.mmap(file.fileno(), size, flags=mmap.MAP_PRIVATE, prot=prot)
        mapped.madvise(mmap.MADV_WILLNEED)
        return mapped

    def save(self, index: BlobIndex, objects: Iterable[bytes]) -> None:
        """Save an index made of just these index objects; a failure is only reported."""
        try:
            # Not synced: if power fails now, the code does not match, and it is built anew.
            self._directory.replace(
                _NAME, lambda file: write_index(file, index, objects, self._key)
            )
        except OSError as error:
            message = f"the index cannot be cached in {self._directory.path}: {error}"
            self._report(Notice(message))
