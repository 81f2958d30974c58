"""Write a file of a snapshot as it is, or a directory as an archive, to a stream.

Contents are fetched ahead of the writing, some blobs at a time, so memory is
bounded whatever the sizes of files.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from bkp.errors import BkpError, IntegrityError, Malformed, NotFound
from bkp.events import Problem, Reporter, ignore
from bkp.files.writing.apply import modified
from bkp.files.writing.place import is_name
from bkp.formats.pack import BlobType
from bkp.formats.tree import Node
from bkp.ids import BlobId
from bkp.ops.locate import Place
from bkp.ops.samefile import FileKey, file_key
from bkp.ops.walktree import Found, blobs_of, join, walk
from bkp.repo.repository import Repository
from bkp.workers import ordered_map

from .archives import Archive, TarArchive, ZipArchive

_READERS = 2  # of small files more threads than that get in each other's way
_AHEAD = 8  # blobs, of at most 8 MiB each as they are cut; or batches

# Small files are fetched many at a time: handing each to a thread costs more than reading it.
_BATCH_BYTES = 1 << 20
_BATCH_ITEMS = 256

FORMATS: dict[str, Callable[[BinaryIO], Archive]] = {"tar": TarArchive, "zip": ZipArchive}


@dataclass(frozen=True, slots=True)
class _Begin:
    """An entry of the archive; `linked` if it is a further name of an earlier one."""

    path: bytes
    node: Node
    size: int
    linked: bytes | None


@dataclass(frozen=True, slots=True)
class _Piece:
    """A blob of the entry's contents."""

    path: bytes
    blob: BlobId
    size: int


@dataclass(frozen=True, slots=True)
class _Zeros:
    """What stands for a blob that cannot be read; its size is only what an index says."""

    size: int


_ZEROS = bytes(1 << 16)


def write_file(repo: Repository, node: Node, stream: BinaryIO) -> None:
    """Write the contents of a file.

    Raises IntegrityError at the first blob that cannot be read.
    """

    def read(blob: BlobId) -> bytes:
        return repo.read_blob(BlobType.DATA, blob)

    for data in ordered_map(read, blobs_of(node), threads=_READERS, ahead=_AHEAD):
        stream.write(data)


def write_archive(
    repo: Repository, place: Place, archive: Archive, base: bytes, report: Reporter = ignore
) -> None:
    """Write a directory and what is in it; names are relative to the directory `base`.

    A file whose contents are not all there is reported; what is missing is
    left out if nothing is written yet, and zeros otherwise, because the size
    comes first in an archive.
    """
    _Dump(repo, archive, base, report).run(place)


class _Dump:
    def __init__(self, repo: Repository, archive: Archive, base: bytes, report: Reporter) -> None:
        self._repo = repo
        self._archive = archive
        self._base = base.rstrip(b"/") + b"/"
        self._report = report
        self._links: dict[FileKey, bytes] = {}

    def run(self, place: Place) -> None:
        is_open = False
        batches = _in_batches(self._items(place))
        for fetched in ordered_map(self._fetch_all, batches, threads=_READERS, ahead=_AHEAD):
            for item in fetched:
                if not isinstance(item, _Begin):
                    self._write(item)
                    continue
                if is_open:
                    self._archive.end()
                self._archive.begin(item.path, item.node, item.size, item.linked)
                is_open = True
        if is_open:
            self._archive.end()
        self._archive.finish()

    def _write(self, data: bytes | _Zeros) -> None:
        if isinstance(data, bytes):
            self._archive.write(data)
            return
        for start in range(0, data.size, len(_ZEROS)):
            self._archive.write(_ZEROS[: data.size - start])

    def _fetch_all(self, batch: list[_Begin | _Piece]) -> list[_Begin | bytes | _Zeros]:
        return [self._fetch(item) for item in batch]

    def _fetch(self, item: _Begin | _Piece) -> _Begin | bytes | _Zeros:
        if isinstance(item, _Begin):
            return item
        try:
            data = self._repo.read_blob(BlobType.DATA, item.blob)
            if len(data) != item.size:  # what was read is another copy of it
                raise Malformed(f"it has {len(data)} bytes, and another length in the index")
            return data
        except (IntegrityError, NotFound) as error:
            message = f"{item.size} bytes of it are damaged and zeros in the archive: {error}"
            self._report(Problem("restore", item.path, message))
            return _Zeros(item.size)

    def _items(self, place: Place) -> Iterator[_Begin | _Piece]:
        for found in self._entries(place):
            name = found.path.removeprefix(self._base)
            if refusal := self._archive.refuses(name, found.node):
                self._report(Problem("restore", found.path, f"left out: {refusal}"))
                continue
            try:
                sizes = [(blob, self._repo.data_size(blob)) for blob in blobs_of(found.node)]
            except BkpError as error:
                self._report(Problem("restore", found.path, f"left out: {error}"))
                continue
            if found.node.mtime and modified(found.node) is None:
                message = "its time is not in the archive, for it cannot be read"
                self._report(Problem("restore", found.path, message))
            if omitted := self._archive.omits(found.node):
                message = f"{omitted} is not in the archive"
                self._report(Problem("restore", found.path, message))
            linked = self._linked(found.node, name) if self._archive.knows_links else None
            yield _Begin(name, found.node, sum(size for _, size in sizes), linked)
            if linked is None:
                for blob, size in sizes:
                    yield _Piece(found.path, blob, size)

    def _entries(self, place: Place) -> Iterator[Found]:
        if place.node is not None and place.path.startswith(self._base):
            yield Found(place.path, place.node)
        yield from walk(
            self._repo,
            place.tree,
            self._report,
            under=place.path,
            picks=self._well_named,
        )

    def _well_named(self, directory: bytes, nodes: Iterator[Node]) -> Iterator[Node]:
        """Leave out entries whose names would lead elsewhere when they are unpacked."""
        names: set[bytes] = set()
        for node in nodes:
            name = node.name
            if is_name(name) and name not in names:
                names.add(name)
                yield node
                continue
            # Below a link, a directory of the same name would be wherever that leads.
            why = "is another entry of that name" if is_name(name) else "can be no such name"
            message = f"left out: there {why}, and unpacking could go astray"
            self._report(Problem("restore", join(directory, name), message))

    def _linked(self, node: Node, name: bytes) -> bytes | None:
        """Return the name of an earlier entry that is the same file."""
        key = file_key(node)
        if key is None:
            return None
        first = self._links.setdefault(key, name)
        return None if first == name else first


def _in_batches(items: Iterator[_Begin | _Piece]) -> Iterator[list[_Begin | _Piece]]:
    batch: list[_Begin | _Piece] = []
    size = 0
    for item in items:
        batch.append(item)
        size += item.size if isinstance(item, _Piece) else 0
        if size >= _BATCH_BYTES or len(batch) >= _BATCH_ITEMS:
            yield batch
            batch, size = [], 0
    yield batch
