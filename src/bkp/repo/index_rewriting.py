"""Replace index objects: packs leave the index, come back, or are marked to be deleted.

New objects are stored before old ones are deleted.  If this is stopped between,
both are there: a pack that one names as usual and another as marked is as
usual, so nothing is lost.  Only objects that name a pack that leaves, and those
that mark any, are replaced.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from hashlib import sha256

from bkp.formats.index import IndexedPack, Writer, decode_index, encode_index
from bkp.ids import PackId
from bkp.store.base import Kind, ObjectName

from .marks import Mark
from .packer import MOST_BLOBS
from .repository import Repository


class IndexRewriter:
    """Rewrites the index of one repository; `guard` raises if our lock no longer stands."""

    def __init__(self, repo: Repository, guard: Callable[[], None]) -> None:
        self._repo = repo
        self._guard = guard
        self._marking: list[ObjectName] = []  # what marks packs now

    def rewrite(
        self, leaving: Collection[PackId], coming: Iterable[IndexedPack], marks: Iterable[Mark]
    ) -> None:
        """Take packs out of the index, put others in, and let just these be marked.

        Raises IntegrityError if an index object is damaged; nothing was taken
        away then.
        """
        obsolete: list[ObjectName] = []
        left = self._remaining(leaving, obsolete)
        for packs in _portions(left):
            self._put(encode_index(packs, self._version))
        for packs in _portions(coming):
            self._put(encode_index(packs, self._version))
        marking = list(self._put_marks(marks))
        self._delete(obsolete)
        self._marking = marking

    def tell_writers(self, marks: Iterable[Mark]) -> None:
        """Store the marks that `rewrite` made once more, now that it is known who may rely."""
        obsolete = self._marking
        self._marking = list(self._put_marks(marks))
        self._delete(obsolete)

    @property
    def _version(self) -> int:
        return self._repo.config.version

    def _remaining(
        self, leaving: Collection[PackId], obsolete: list[ObjectName]
    ) -> Iterator[IndexedPack]:
        """Yield the packs that stay of objects to be replaced, and note these objects."""
        for name, _ in list(self._repo.store.scan(Kind.INDEX)):
            index = decode_index(self._repo.envelope.open_file(self._repo.load_object(name)))
            if index.packs_to_delete or any(pack.id in leaving for pack in index.packs):
                obsolete.append(name)
                yield from (pack for pack in index.packs if pack.id not in leaving)

    def _put_marks(self, marks: Iterable[Mark]) -> Iterator[ObjectName]:
        by_writers: dict[frozenset[Writer] | None, list[IndexedPack]] = {}
        for mark in marks:
            by_writers.setdefault(mark.writers, []).append(mark.pack)
        for writers, packs in by_writers.items():
            for portion in _portions(packs):
                yield self._put(encode_index([], self._version, portion, writers))

    def _put(self, data: bytes) -> ObjectName:
        self._guard()
        sealed = self._repo.envelope.seal_file(data)
        name = ObjectName(Kind.INDEX, sha256(sealed).hexdigest())
        self._repo.store.put(name, sealed)
        return name

    def _delete(self, names: Iterable[ObjectName]) -> None:
        for name in names:
            self._guard()
            self._repo.store.delete(name)


def _portions(packs: Iterable[IndexedPack]) -> Iterator[list[IndexedPack]]:
    """Yield packs in lists of as many blobs as an index object should have."""
    portion: list[IndexedPack] = []
    blobs = 0
    for pack in packs:
        portion.append(pack)
        blobs += len(pack.blobs)
        if blobs >= MOST_BLOBS:
            yield portion
            portion, blobs = [], 0
    if portion:
        yield portion
