"""The contents of files: what is there already, what must be read, what was written.

Files are collected into batches, so that memory does not grow with their
number, and the blobs of a batch are read together, in the order in which the
repository keeps them.  A file gets its attributes when its last piece is
written.  Damage to one file is reported and costs only that file.
"""

import stat
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from os import stat_result
from typing import Protocol

from bkp.errors import IntegrityError, SourceError
from bkp.files.writing.apply import apply_attributes, modified
from bkp.files.writing.contents import (
    ContentsWriter,
    TargetFile,
    opened_for_comparison,
    read_piece,
)
from bkp.files.writing.place import handle
from bkp.files.writing.target import Directory, Identity, Target
from bkp.formats.tree import Node
from bkp.ids import BlobId, blob_id, parse_id
from bkp.workers import ordered_map

from .links import HardLinks
from .options import Overwrite, RestoreOptions
from .tally import Tally

_THREADS = 4

# A batch ends at so many files, or pieces of files: about 50 MB of memory.
_BATCH_FILES = 20_000
_BATCH_PIECES = 100_000


class BlobSource(Protocol):
    """Where the contents come from; a Repository is one."""

    @property
    def location(self) -> str:
        """Where it is: a path if it is a directory of this machine."""

    def load_tree(self, name: BlobId) -> list[Node]:
        """Return the nodes of a tree; raises IntegrityError if it cannot be had."""

    def data_size(self, name: BlobId) -> int:
        """Return the size in bytes of a data blob; raises Missing."""

    def read_blobs(
        self, names: Iterable[BlobId], consume: Callable[[BlobId, bytes], None]
    ) -> dict[BlobId, IntegrityError]:
        """Call `consume` once for each blob, from several threads; return what failed."""


class _File:
    """A file of the batch.

    `right` tells which of its blobs need no writing, `left` how many of the
    others are still to come.
    """

    __slots__ = (
        "is_alone",
        "is_damaged",
        "is_failed",
        "is_unchanged",
        "left",
        "node",
        "right",
        "to",
    )

    def __init__(self, to: TargetFile, node: Node) -> None:
        self.to = to
        self.node = node
        self.right: bytearray | None = None
        self.left = 0
        self.is_alone = False  # one piece to write, so nobody else will open the file
        self.is_unchanged = False  # what is there is right and needs only its attributes
        self.is_damaged = False
        self.is_failed = False

    @property
    def action(self) -> str:
        return "restored" if self.right is None else "updated"


class FileBatch:
    """Collects files, and restores them when told to."""

    def __init__(
        self,
        source: BlobSource,
        target: Target,
        options: RestoreOptions,
        links: HardLinks,
        tally: Tally,
    ) -> None:
        self._source = source
        self._target = target
        self._options = options
        self._links = links
        self._tally = tally
        self._files: list[_File] = []
        self._piece_count = 0
        self._places: defaultdict[BlobId, list[tuple[_File, int]]] = defaultdict(list)
        self._lock = threading.Lock()
        self._writer = ContentsWriter(
            target, sparse=options.sparse, replace_directories=options.delete
        )

    @property
    def is_full(self) -> bool:
        """Whether it is time to restore what was collected."""
        return len(self._files) >= _BATCH_FILES or self._piece_count >= _BATCH_PIECES

    def add(
        self, directory: Directory, name: bytes, node: Node, status: stat_result | None
    ) -> bool:
        """Collect a file that may take the place of what has this status.

        Returns False, after reporting it, if its contents are not in the
        repository.
        """
        try:
            size = sum(self._source.data_size(blob) for blob in _blobs(node))
        except (IntegrityError, ValueError) as error:
            self._tally.problem(directory.path(name), f"not restored: {error}")
            return False
        to = TargetFile(directory, name, size)
        file = _File(to, node)
        if status is not None:
            if _may_stay(status, node):
                to.found = Identity.of(status)
                file.is_unchanged = self._is_trusted(status, node, size)
            else:
                to.is_in_way = True
        self._files.append(file)
        self._piece_count += len(_blobs(node))
        return True

    def restore(self) -> None:
        """Restore the files collected, and forget them.

        Raises StoreError if the storage fails, and BkpError if the target
        can take no more.
        """
        present = [file for file in self._files if file.to.found and not file.is_unchanged]
        self._run(self._compare, present)
        complete = [file for file in self._files if not self._plan(file)]
        self._tally.announce()
        if self._options.dry_run:
            for file in self._files:
                self._tell_dry(file)
        else:
            try:
                self._run(self._finish_unread, complete)
                failures = self._source.read_blobs(list(self._places), self._consume)
                self._finish_damaged(failures)
            finally:
                self._writer.close()
        self._files.clear()
        self._places.clear()
        self._piece_count = 0

    def _run(self, work: Callable[[_File], None], files: list[_File]) -> None:
        for _ in ordered_map(work, files, threads=_THREADS, ahead=16 * _THREADS):
            pass

    def _is_trusted(self, status: stat_result, node: Node, size: int) -> bool:
        return (
            self._options.overwrite is Overwrite.IF_CHANGED
            and status.st_size == size
            and status.st_mtime_ns == modified(node)
        )

    # What is there already

    def _compare(self, file: _File) -> None:
        """Find out which pieces of an existing file are right."""
        to = file.to
        try:
            with opened_for_comparison(self._target, to.directory, to.name) as found:
                if found.identity != to.found:
                    raise SourceError(to.path, "became another file")
                right = bytearray()
                offset = 0
                for blob in _blobs(file.node):
                    size = self._source.data_size(blob)
                    right.append(blob_id(read_piece(found.fd, size, offset)) == blob)
                    offset += size
                file.is_unchanged = all(right) and found.size == to.size
                if file.is_unchanged or found.is_changeable:
                    file.right = right
                    return
        except SourceError:
            pass  # what cannot be read or changed can still be replaced
        to.found = None
        to.is_in_way = True

    def _plan(self, file: _File) -> bool:
        """Note the pieces to be read for a file; return whether there are any."""
        if file.is_unchanged:
            return False
        self._tally.plan(file.to.size)
        offset = found_right = 0
        for position, blob in enumerate(_blobs(file.node)):
            size = self._source.data_size(blob)
            if file.right is not None and file.right[position]:
                found_right += size
            else:
                self._places[blob].append((file, offset))
                file.left += 1
            offset += size
        file.is_alone = file.left == 1
        if found_right and not self._options.dry_run:
            self._tally.wrote(found_right)
        return file.left > 0

    def _tell_dry(self, file: _File) -> None:
        if file.is_unchanged:
            self._tally.skipped(file.to.path, file.to.size)
        else:
            self._tally.wrote(file.to.size)
            self._tally.restored(file.to.path, file.to.size, action=file.action)

    # Writing

    def _consume(self, blob: BlobId, data: bytes) -> None:
        """Write a blob everywhere it belongs; called from several threads."""
        for file, offset in self._places[blob]:
            if file.is_failed:
                continue
            try:
                self._write(file, data, offset)
            except SourceError as error:
                self._fail(file, str(error))

    def _write(self, file: _File, data: bytes, offset: int) -> None:
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

    def _take_one(self, file: _File) -> bool:
        with self._lock:
            file.left -= 1
            return file.left == 0

    def _complete(self, file: _File, fd: int) -> None:
        """Give a file whose pieces were all written its attributes."""
        wrong = self._find_wrong(file, fd) if self._options.verify else None
        is_right = wrong is None and not file.is_damaged
        # Without its time it is not taken for a file that is right by the next restore.
        shortfalls = apply_attributes(fd, file.node, with_times=is_right)
        self._tally.shortfalls(file.to.path, shortfalls)
        if wrong is not None:
            self._fail(file, f"at offset {wrong} it does not read back as it was written")
        elif is_right:
            self._tally.restored(file.to.path, file.to.size, action=file.action)

    def _find_wrong(self, file: _File, fd: int) -> int | None:
        """Return where a file is not as it must be, None if it is."""
        offset = 0
        for blob in _blobs(file.node):
            size = self._source.data_size(blob)
            if blob_id(read_piece(fd, size, offset)) != blob:
                return offset
            offset += size
        return offset if read_piece(fd, 1, offset) else None

    def _finish_unread(self, file: _File) -> None:
        """Finish a file that needs nothing from the repository."""
        try:
            if file.is_unchanged:
                with handle(self._target, file.to.directory, file.to.name) as entry:
                    self._tally.shortfalls(file.to.path, apply_attributes(entry, file.node))
                self._tally.skipped(file.to.path, file.to.size)
            else:
                with self._writer.once(file.to) as fd:
                    self._complete(file, fd)
        except SourceError as error:
            self._fail(file, str(error))

    def _finish_damaged(self, failures: dict[BlobId, IntegrityError]) -> None:
        """Report the files that lack a piece, and keep what there is of them."""
        for blob, error in failures.items():
            for file, offset in self._places[blob]:
                if not file.is_damaged:
                    file.is_damaged = True
                    self._tell_damaged(file, offset, error)
                if self._take_one(file) and not file.is_failed:
                    self._finish_lacking(file)

    def _tell_damaged(self, file: _File, offset: int, error: IntegrityError) -> None:
        if file.to.is_opened:
            self._links.forget(file.node)
            message = f"restored without its contents at offset {offset}: {error}"
            self._tally.problem(file.to.path, message)
        else:
            self._fail(file, f"not restored: {error}")

    def _finish_lacking(self, file: _File) -> None:
        try:
            with self._writer.shared(file.to) as fd:
                self._complete(file, fd)
            self._writer.done(file.to)
        except SourceError as error:
            self._fail(file, str(error))

    def _fail(self, file: _File, message: str) -> None:
        """Give a file up."""
        with self._lock:
            is_first = not file.is_failed
            file.is_failed = True
        if is_first:
            self._links.forget(file.node)
            self._tally.problem(file.to.path, message)


def _blobs(node: Node) -> list[BlobId]:
    return [BlobId(parse_id(text)) for text in node.content or ()]


def _may_stay(status: stat_result, node: Node) -> bool:
    """Whether this may be the file to restore: with further names only if that has some too."""
    return stat.S_ISREG(status.st_mode) and (status.st_nlink == 1 or node.links > 1)
