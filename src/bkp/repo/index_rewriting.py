"""Replace index objects: packs leave the index, come back, or are marked to be deleted.

New objects are stored before old ones are deleted.  If this is stopped between,
both are there: a pack that one names as usual and another as marked is as
usual, so nothing is lost.  Only objects that name a pack that leaves, and those
that mark any, are replaced.

Somebody else may be at this too.  What he has marked since our index was loaded
stays marked: who relies on it could not find it any more.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from bkp.errors import Malformed, NotFound
from bkp.formats.index import IndexedPack, Writer, decode_index, encode_index
from bkp.ids import PackId
from bkp.store.base import Kind, ObjectName

from .marks import Mark, read_marks
from .packer import MOST_BLOBS
from .repository import Repository


@dataclass(slots=True)
class _Obsolete:
    """Index objects to be replaced, and what they mark that nobody has decided about."""

    names: dict[ObjectName, None]
    undecided: list[Mark] = field(default_factory=list)


class IndexRewriter:
    """Rewrites the index of one repository; `guard` raises if our lock no longer stands."""

    def __init__(self, repo: Repository, guard: Callable[[], None]) -> None:
        self._repo = repo
        self._guard = guard
        self._marking: list[ObjectName] = []  # what marks packs now
        self._decided = set(repo.marks())  # packs whose marks are ours to drop

    def rewrite(
        self,
        leaving: Collection[PackId],
        coming: Iterable[IndexedPack],
        marks: Iterable[Mark],
        damaged: Collection[ObjectName] = (),
    ) -> None:
        """Take packs out of the index, put others in, and let just these be marked.

        So are those that were marked since the repository's index was loaded.
        Index objects that are known to be `damaged` go.  Raises IntegrityError
        if another is; nothing was taken away then.
        """
        marks = list(marks)
        self._decided.update(mark.pack.id for mark in marks)
        obsolete = _Obsolete(dict.fromkeys(damaged))
        for packs in self._portions_left(leaving, coming, obsolete):
            self._put(self._seal(packs))
        marking = self._put_marks(marks)
        self._put_marks(obsolete.undecided)
        self._delete(obsolete.names)
        self._marking = marking

    def add(self, coming: Iterable[IndexedPack]) -> None:
        """Put packs into the index, and leave all else."""
        for packs in _portions(coming):
            self._put(self._seal(packs))

    def tell_writers(self, marks: Iterable[Mark]) -> None:
        """Store the marks that `rewrite` made once more, now that it is known who may rely."""
        obsolete = self._marking
        self._marking = self._put_marks(marks)
        self._delete(obsolete)

    def rewrite_in_place(
        self,
        leaving: Collection[PackId],
        coming: Iterable[IndexedPack],
        make_room: Callable[[], None],
    ) -> None:
        """Do the same where there is no room for new objects, and let nothing be marked.

        Old ones go first, then `make_room` is called, then new ones are stored.
        Stopped between, the index does not name all packs, and has to be
        repaired.
        """
        obsolete = _Obsolete({})
        sealed = [self._seal(packs) for packs in self._portions_left(leaving, coming, obsolete)]
        self._delete(obsolete.names)
        make_room()
        for data in sealed:
            self._put(data)

    def _portions_left(
        self,
        leaving: Collection[PackId],
        coming: Iterable[IndexedPack],
        obsolete: _Obsolete,
    ) -> Iterator[list[IndexedPack]]:
        """Yield what new objects have to say, each portion for one; note which are obsolete."""
        yield from _portions(self._remaining(leaving, obsolete))
        yield from _portions(coming)

    @property
    def _version(self) -> int:
        return self._repo.config.version

    def _remaining(self, leaving: Collection[PackId], obsolete: _Obsolete) -> Iterator[IndexedPack]:
        """Yield the packs that stay of objects to be replaced, and note these objects."""
        names = [name for name, _ in self._repo.store.scan(Kind.INDEX)]
        for name in names:
            if name in obsolete.names:
                continue
            try:
                stored = self._repo.load_object(name)
            except NotFound:  # replaced by somebody else, who leaves in the index what we take out
                continue
            index = decode_index(self._repo.envelope.open_file(stored))
            if index.packs_to_delete or any(pack.id in leaving for pack in index.packs):
                obsolete.names[name] = None
                new = [pack for pack in index.packs_to_delete if pack.id not in self._decided]
                obsolete.undecided += read_marks([(new, index.writers)]).values()
                yield from (pack for pack in index.packs if pack.id not in leaving)

    def _put_marks(self, marks: Iterable[Mark]) -> list[ObjectName]:
        by_writers: dict[frozenset[Writer] | None, list[IndexedPack]] = {}
        for mark in marks:
            by_writers.setdefault(mark.writers, []).append(mark.pack)
        return [
            self._put(self._seal([], portion, writers))
            for writers, packs in by_writers.items()
            for portion in _portions(packs)
        ]

    def _seal(
        self,
        packs: list[IndexedPack],
        marked: Sequence[IndexedPack] = (),
        writers: frozenset[Writer] | None = None,
    ) -> bytearray:
        try:
            data = encode_index(packs, self._version, marked, writers)
        except ValueError as error:
            raise Malformed(f"{error}; the config is not that of these packs") from error
        return self._repo.envelope.seal_file(data)

    def _put(self, sealed: bytearray) -> ObjectName:
        self._guard()
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
