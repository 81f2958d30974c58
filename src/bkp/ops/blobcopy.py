"""Blobs from where they are read to where they are written anew."""

import threading

from bkp.formats.pack import BlobType
from bkp.ids import BlobId
from bkp.repo.writer import BlobWriter


class BlobCopier:
    """Stores blobs of one type that are read, from any thread.

    `blobs` says how many, and `added` how many bytes that took.
    """

    def __init__(self, kind: BlobType, writer: BlobWriter) -> None:
        self._kind = kind
        self._writer = writer
        self._lock = threading.Lock()
        self.blobs = 0
        self.added = 0

    def take(self, _: list[BlobId], data: memoryview, pieces: list[tuple[int, int]]) -> None:
        """Take what a read hands over."""
        written = self._writer.write_each(self._kind, data, pieces)
        with self._lock:
            self.blobs += len(written)
            self.added += sum(blob.stored_bytes for blob in written)
