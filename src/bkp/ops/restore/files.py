"""The contents of files: what is there already, what must be read, what was written.

Files are collected into batches, so that memory does not grow with their
number, and the blobs of a batch are read together, in the order in which the
repository keeps them; see filling for what is done with them.
"""

import stat
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from os import stat_result
from typing import Protocol, cast

from bkp.errors import IntegrityError, Interrupted, SourceError
from bkp.files.writing.apply import has_attributes, modified
from bkp.files.writing.contents import TargetFile, opened_for_comparison, read_piece
from bkp.files.writing.target import Directory, Identity, Target
from bkp.formats.tree import Node
from bkp.ids import ID_SIZE, BlobId, blob_id
from bkp.workers import ordered_map

from .filling import Filler, Piece
from .links import HardLinks
from .options import Overwrite, RestoreOptions
from .pending import PendingFile
from .tally import Tally

_THREADS = 4

# A batch ends at so many files, or pieces of files: some MB of memory.  There may be two.
_BATCH_FILES = 2_000
_BATCH_PIECES = 20_000

_EMPTY_FILES = 1_000  # made by one call


class BlobSource(Protocol):
    """Where the contents come from; a Repository is one."""

    @property
    def location(self) -> str:
        """Where it is: a path if it is a directory of this machine."""

    def load_tree(self, name: BlobId) -> list[Node]:
        """Return the nodes of a tree; raises IntegrityError if it cannot be had."""

    def load_trees(self, names: Sequence[BlobId]) -> dict[BlobId, list[Node]]:
        """Return the nodes of some of these trees: those that can be had together."""

    def data_sizes(self, names: Sequence[BlobId]) -> list[int | None]:
        """Return the size in bytes of each data blob, None for what is in no index."""

    def read_blobs(
        self,
        names: Iterable[BlobId],
        consume: Callable[[list[BlobId], memoryview, list[tuple[int, int]]], None],
    ) -> dict[BlobId, IntegrityError]:
        """Hand every blob to `consume` once, from several threads; return what failed.

        It is given names, data, and offset and length of each in the data,
        which it may use until it returns.
        """


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
        self._tally = tally
        self._files: list[PendingFile] = []
        self._piece_count = 0
        self._places: dict[BlobId, list[tuple[PendingFile, int]]] = {}
        self._is_abandoned = False
        self._filler = Filler(target, options, links, tally)

    @property
    def is_full(self) -> bool:
        """Whether it is time to restore what was collected."""
        return len(self._files) >= _BATCH_FILES or self._piece_count >= _BATCH_PIECES

    def add(
        self, directory: Directory, name: bytes, node: Node, status: stat_result | None
    ) -> bool:
        """Collect a file that may take the place of what has this status.

        Returns False, after reporting it, if its contents have impossible
        names.
        """
        try:
            blobs = _blobs(node)
        except ValueError as error:
            self._tally.problem(directory.path(name), f"not restored: {error}")
            return False
        file = PendingFile(TargetFile(directory, name, 0), node, blobs, is_new=status is None)
        if status is not None:
            if _may_stay(status, node):
                file.to.found = Identity.of(status)
                if self._is_trusted(status, node):
                    file.trusted_size = status.st_size
            else:
                file.to.is_in_way = True
        self._files.append(file)
        self._piece_count += len(blobs)
        return True

    def restore(self) -> None:
        """Restore the files collected; the batch is of no further use.

        Raises StoreError if the storage fails, and BkpError if the target
        can take no more.
        """
        self._measure()
        present = [file for file in self._files if file.to.found and not file.is_unchanged]
        self._run(self._compare, present)
        planned = [file for file in self._files if not file.is_unchanged]
        self._tally.plan(len(planned), sum(file.to.size for file in planned))
        complete = [file for file in self._files if not self._plan(file)]
        self._tally.announce()
        if self._options.dry_run:
            for file in self._files:
                self._tell_dry(file)
            return
        try:
            self._finish_complete(complete)
            failures = self._source.read_blobs(self._places, self._consume)
            self._filler.finish_damaged(failures, self._places)
        finally:
            self._filler.close()

    def abandon(self) -> None:
        """Make `restore`, running in another thread, end soon."""
        self._is_abandoned = True

    def _run(self, work: Callable[[PendingFile], None], files: list[PendingFile]) -> None:
        for _ in ordered_map(work, files, threads=_THREADS, ahead=16 * _THREADS):
            self._go_on()

    def _go_on(self) -> None:
        if self._is_abandoned:
            raise Interrupted("the restore was abandoned")

    def _is_trusted(self, status: stat_result, node: Node) -> bool:
        trusts = self._options.overwrite is Overwrite.IF_CHANGED and status.st_nlink == 1
        return trusts and status.st_mtime_ns == modified(node)

    def _measure(self) -> None:
        """Find out how large the files are; leave out those whose contents are lost."""
        sizes = iter(self._source.data_sizes([blob for file in self._files for blob in file.blobs]))
        files, self._files = self._files, []
        for file in files:
            known = list(islice(sizes, len(file.blobs)))
            if None in known:
                blob = file.blobs[known.index(None)]
                self._filler.fail(file, f"not restored: data blob {blob.hex()} is in no index")
                continue
            file.sizes = cast("list[int]", known)
            file.to.size = sum(file.sizes)
            file.is_unchanged = file.trusted_size == file.to.size
            self._files.append(file)

    # What is there already

    def _compare(self, file: PendingFile) -> None:
        """Find out which pieces of an existing file are right."""
        to = file.to
        try:
            with opened_for_comparison(self._target, to.directory, to.name) as found:
                if found.identity != to.found:
                    raise SourceError(to.path, "became another file")
                right = bytearray()
                offset = 0
                for blob, size in zip(file.blobs, file.sizes, strict=True):
                    # What does not fit cannot be right, and would take memory on an index's word.
                    fits = offset + size <= found.size
                    right.append(fits and blob_id(read_piece(found.fd, size, offset)) == blob)
                    offset += size
                file.has_other_names = found.has_other_names
                file.is_unchanged = (
                    all(right)
                    and found.size == to.size
                    and (not found.has_other_names or has_attributes(found.fd, file.node))
                )
                if file.is_unchanged or found.is_changeable:
                    file.right = right
                    return
        except SourceError:
            pass  # what cannot be read or changed can still be replaced
        to.found = None
        to.is_in_way = True

    def _plan(self, file: PendingFile) -> bool:
        """Note the pieces to be read for a file; return whether there are any."""
        if file.is_unchanged:
            return False
        if file.is_plain:
            file.is_alone = True
            file.left = len(file.blobs)
            for blob in file.blobs:
                self._places.setdefault(blob, []).append((file, 0))
            return file.left > 0
        offset = found_right = 0
        for position, (blob, size) in enumerate(zip(file.blobs, file.sizes, strict=True)):
            if file.right is not None and file.right[position]:
                found_right += size
            else:
                self._places.setdefault(blob, []).append((file, offset))
                file.left += 1
            offset += size
        file.is_alone = file.left == 1
        if found_right and not self._options.dry_run:
            self._tally.wrote(found_right)
        return file.left > 0

    def _tell_dry(self, file: PendingFile) -> None:
        if file.is_unchanged:
            self._tally.skipped(file.to.path, file.to.size)
        else:
            self._tally.wrote(file.to.size)
            self._tally.restored(file.to.path, file.to.size, action=file.action)

    # Writing

    def _consume(self, names: list[BlobId], data: memoryview, pieces: list[Piece]) -> None:
        """Write blobs everywhere they belong; called from several threads."""
        plain: list[tuple[PendingFile, Piece]] = []
        for blob, piece in zip(names, pieces, strict=True):
            for file, at in self._places[blob]:
                if file.is_plain:
                    plain.append((file, piece))
                elif not file.is_failed:
                    self._go_on()
                    self._filler.write(file, data[piece[0] : sum(piece)], at)
        self._go_on()
        self._filler.make(plain, data)

    def _finish_complete(self, files: list[PendingFile]) -> None:
        """Finish files that need nothing from the repository."""
        empty = [(file, (0, 0)) for file in files if not file.is_unchanged and file.is_plain]
        for start in range(0, len(empty), _EMPTY_FILES):
            self._go_on()
            self._filler.make(empty[start : start + _EMPTY_FILES], memoryview(b""))
        others = [file for file in files if file.is_unchanged or not file.is_plain]
        self._run(self._filler.complete, others)


def _blobs(node: Node) -> list[BlobId]:
    """Return the blobs of a file; raises ValueError if one is no identity."""
    blobs = [bytes.fromhex(text) for text in node.content or ()]
    for blob in blobs:
        if len(blob) != ID_SIZE:
            raise ValueError("its contents have a name that is no id")
    return cast("list[BlobId]", blobs)


def _may_stay(status: stat_result, node: Node) -> bool:
    """Whether this may be the file to restore: with further names only if that has some too."""
    return stat.S_ISREG(status.st_mode) and (status.st_nlink == 1 or node.links > 1)
