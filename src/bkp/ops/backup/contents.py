"""Cut streams and store their chunks.

A stream of one chunk is sealed in the thread that read it; the chunks of a
longer one are hashed, compressed and sealed side by side.  That keeps all
cores busy, so one long stream is read after the other: several would only
take memory, several chunks of up to 8 MiB each.
"""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from bkp.chunking import Chunker, Stream
from bkp.errors import Interrupted
from bkp.events import BytesRead, Reporter
from bkp.formats.pack import BlobType
from bkp.repo.writer import BlobWriter, Written
from bkp.workers import ordered_map

_SEALERS = os.cpu_count() or 2


class Added(NamedTuple):
    """What something added to the repository.

    `new_bytes` is plaintext, `stored_bytes` what it takes in packs.
    """

    new_blobs: int = 0
    new_bytes: int = 0
    stored_bytes: int = 0

    @classmethod
    def of(cls, blob: Written) -> "Added":
        """Return what writing one blob did."""
        return cls(blob.is_new, blob.new_bytes, blob.stored_bytes)

    @classmethod
    def sum(cls, written: list[Written]) -> "Added":
        """Add up what writing some blobs did."""
        return cls(
            sum(blob.is_new for blob in written),
            sum(blob.new_bytes for blob in written),
            sum(blob.stored_bytes for blob in written),
        )


@dataclass(frozen=True, slots=True)
class Contents:
    """A stored stream: the names of its chunks, its size in bytes, what it added."""

    chunks: list[str]
    size: int
    added: Added


class ContentWriter:
    """Stores streams; shareable between threads, each with a stream of its own."""

    def __init__(self, chunker: Chunker, writer: BlobWriter, report: Reporter) -> None:
        self._chunker = chunker
        self._writer = writer
        self._report = report
        self._is_abandoned = threading.Event()
        self._long_stream = threading.Lock()

    @property
    def uncut(self) -> int:
        """The size in bytes up to which contents are one chunk."""
        return self._chunker.uncut

    def abandon(self) -> None:
        """Make every `write` that is under way raise Interrupted soon."""
        self._is_abandoned.set()

    def write(self, stream: Stream, expected: int) -> Contents:
        """Read a stream to its end and store it; what reading raises passes through.

        It may be longer or shorter than the size in bytes that is expected.
        """
        if expected <= self.uncut:
            return self._write(stream)
        with self._long_stream:
            return self._write(stream)

    def _write(self, stream: Stream) -> Contents:
        sizes: list[int] = []
        written: list[Written] = []
        for blob, size in self._write_chunks(stream):
            written.append(blob)
            sizes.append(size)
        return Contents([blob.id.hex() for blob in written], sum(sizes), Added.sum(written))

    def write_pieces(self, data: bytearray, pieces: list[tuple[int, int]]) -> list[Written]:
        """Store pieces (offset, length) of `data`, each one chunk by itself."""
        return self._writer.write_each(BlobType.DATA, data, pieces)

    def _write_chunks(self, stream: Stream) -> Iterator[tuple[Written, int]]:
        chunks = self._until_abandoned(self._chunker.chunks(stream))
        head = [chunk for chunk in (next(chunks, None), next(chunks, None)) if chunk is not None]
        if len(head) < 2:
            return map(self._write_chunk, head)
        return ordered_map(
            self._write_chunk, chain(head, chunks), threads=_SEALERS, ahead=2 * _SEALERS
        )

    def _until_abandoned(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self._is_abandoned.is_set():
                raise Interrupted("the snapshot was given up")
            yield chunk

    def _write_chunk(self, chunk: bytes) -> tuple[Written, int]:
        written = self._writer.write(BlobType.DATA, chunk)
        self._report(BytesRead(len(chunk)))
        return written, len(chunk)
