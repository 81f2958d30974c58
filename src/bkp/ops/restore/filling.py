"""Filling files with their contents: many new ones at once, or any one piece by piece.

A file gets its attributes when its last piece is written.  Failures cost only
the file they are about; they are reported, and no further name is linked to
it.  Safe to use from several threads.
"""

import threading
from collections.abc import Mapping, Sequence

from bkp.errors import IntegrityError, SourceError
from bkp.files.writing.apply import apply_attributes, plain_attributes
from bkp.files.writing.contents import ContentsWriter, read_piece
from bkp.files.writing.newfiles import NewFile, Outcome, write_new_files
from bkp.files.writing.place import handle, same_as
from bkp.files.writing.target import Target
from bkp.ids import BlobId, blob_id

from .links import HardLinks
from .options import RestoreOptions
from .pending import PendingFile
from .tally import Tally

Piece = tuple[int, int]  # offset and length in bytes
Places = Mapping[BlobId, Sequence[tuple[PendingFile, int]]]  # where in which files a blob belongs


class Filler:
    """Writes the files of one batch."""

    def __init__(
        self, target: Target, options: RestoreOptions, links: HardLinks, tally: Tally
    ) -> None:
        self._target = target
        self._options = options
        self._links = links
        self._tally = tally
        self._lock = threading.Lock()
        self._writer = ContentsWriter(
            target, sparse=options.sparse, replace_directories=options.delete
        )

    def close(self) -> None:
        """Close all files."""
        self._writer.close()

    def make(self, files: list[tuple[PendingFile, Piece]], data: memoryview) -> None:
        """Make files that are plain, many at a time."""
        with_attributes = not self._options.verify  # else they are completed when they were read
        new = [
            NewFile(file.to, piece, plain_attributes(file.node) if with_attributes else None)
            for file, piece in files
        ]
        outcomes = write_new_files(self._target, new, data, sparse=self._options.sparse)
        made = []
        for (file, piece), outcome in zip(files, outcomes, strict=True):
            if outcome is Outcome.COMPLETE:
                made.append(file.to)
            elif outcome is Outcome.WRITTEN or not file.blobs:
                self._tally.wrote(piece[1])
                self.complete(file)
            else:
                self.write(file, data[piece[0] : sum(piece)], 0)
        if made:
            self._tally.made(made)

    def write(self, file: PendingFile, data: memoryview, offset: int) -> None:
        """Write a piece of any file where it belongs."""
        try:
            self._write(file, data, offset)
        except SourceError as error:
            self.fail(file, str(error))

    def _write(self, file: PendingFile, data: memoryview, offset: int) -> None:
        if file.is_alone:
            with self._writer.once(file.to) as fd:
                self._writer.write(file.to, fd, data, offset)
                file.left = 0
                self._tally.wrote(len(data))
                self._complete(file, fd)
            return
        with self._writer.shared(file.to) as fd:
            self._writer.write(file.to, fd, data, offset)
            self._tally.wrote(len(data))
            is_last = self._take_one(file)
            if is_last:
                self._complete(file, fd)
        if is_last:
            self._writer.done(file.to)

    def _take_one(self, file: PendingFile) -> bool:
        with self._lock:
            file.left -= 1
            return file.left == 0

    def _complete(self, file: PendingFile, fd: int) -> None:
        """Give a file whose pieces were all written its attributes."""
        wrong = self._find_wrong(file, fd) if self._options.verify else None
        is_right = wrong is None and not file.is_damaged
        # Without its time it is not taken for a file that is right by the next restore.
        shortfalls = apply_attributes(fd, file.node, with_times=is_right)
        self._tally.shortfalls(file.to.path, shortfalls)
        if wrong is not None:
            self.fail(file, f"at offset {wrong} it does not read back as it was written")
        elif is_right:
            self._tally.restored(file.to.path, file.to.size, action=file.action)

    def _find_wrong(self, file: PendingFile, fd: int) -> int | None:
        """Return where a file is not as it must be, None if it is."""
        offset = 0
        for blob, size in zip(file.blobs, file.sizes, strict=True):
            if blob_id(read_piece(fd, size, offset)) != blob:
                return offset
            offset += size
        return offset if read_piece(fd, 1, offset) else None

    def complete(self, file: PendingFile) -> None:
        """Complete a file that needs no writing, or no more."""
        try:
            self._complete_written(file)
        except SourceError as error:
            self.fail(file, str(error))

    def _complete_written(self, file: PendingFile) -> None:
        if file.is_unchanged:
            assert file.to.found is not None
            is_it = same_as(file.to.found)
            if not file.has_other_names:
                with handle(self._target, file.to.directory, file.to.name, is_it) as entry:
                    self._tally.shortfalls(file.to.path, apply_attributes(entry, file.node))
            self._tally.skipped(file.to.path, file.to.size)
        else:
            with self._writer.once(file.to) as fd:
                file.left = 0
                self._complete(file, fd)

    def finish_damaged(self, failures: Mapping[BlobId, IntegrityError], places: Places) -> None:
        """Report the files that lack a piece, and keep what there is of them."""
        for blob, error in failures.items():
            for file, offset in places[blob]:
                if not file.is_damaged:
                    file.is_damaged = True
                    self._tell_damaged(file, offset, error)
                if self._take_one(file) and not file.is_failed:
                    self._finish_lacking(file)

    def _tell_damaged(self, file: PendingFile, offset: int, error: IntegrityError) -> None:
        if file.to.is_opened:
            self._links.forget(file.node)
            message = f"restored without its contents at offset {offset}: {error}"
            self._tally.problem(file.to.path, message)
        else:
            self.fail(file, f"not restored: {error}")

    def _finish_lacking(self, file: PendingFile) -> None:
        try:
            with self._writer.shared(file.to) as fd:
                self._complete(file, fd)
            self._writer.done(file.to)
        except SourceError as error:
            self.fail(file, str(error))

    def fail(self, file: PendingFile, message: str) -> None:
        """Give a file up."""
        with self._lock:
            is_first = not file.is_failed
            file.is_failed = True
        if is_first:
            self._links.forget(file.node)
            self._tally.problem(file.to.path, message)
