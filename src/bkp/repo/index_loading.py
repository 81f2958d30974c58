"""Fill the blob index from the repository's index objects, or from what was saved of them.

What was saved stands for the objects it was made of.  If all of these are
still there, only the others are read; if one is gone, all are: packs that only
it named may be gone as well.  Objects are never read twice, for their names
say what is in them.

A prune may replace objects while they are listed and read.  New ones are there
before old ones go, so what is gone when it is to be read has successors, which
another look shows.

Packs that are marked to be deleted are kept apart, so that they can be read
but nobody relies on them.  What is saved does not know of them; objects that
mark any are read each time.
"""

import time
from collections.abc import Callable, Container, Iterable
from contextlib import closing

from bkp.errors import IntegrityError, NotFound
from bkp.events import Checked, Reporter
from bkp.ids import PackId
from bkp.store.base import ObjectName
from bkp.workers import ordered_map

from .index import NOTHING, BlobIndex, ReadIndex, read_index
from .index_cache import IndexCache
from .marks import Mark, read_marks

_READERS = 4

# Saving is worth while if there is enough to save the next run, but not for a few blobs among
# millions: all of them are written each time.
_SAVED_BLOBS = 20_000
_SAVED_SECONDS = 0.05
_SAVED_SHARE = 16
_ALWAYS_SAVED_SECONDS = 1.0

Scan = Callable[[], Iterable[ObjectName]]
OnDamage = Callable[[ObjectName, IntegrityError], None]
_GiveUp = Callable[[ObjectName, IntegrityError | NotFound], None]


class IndexLoader:
    """Loads one repository's index objects into its index; to be used by one thread at a time.

    `read` returns what an object holds, unsealed.
    """

    def __init__(
        self,
        index: BlobIndex,
        marked: BlobIndex,
        read: Callable[[ObjectName], bytes],
        cache: IndexCache | None,
        report: Reporter,
    ) -> None:
        self._index = index
        self._marked = marked
        self._read = read
        self._cache = cache
        self._report = report
        self._loaded: set[bytes] = set()  # ids of objects that the indexes hold
        self._marking: dict[bytes, ReadIndex] = {}  # and those of them that mark packs
        self._is_mixed = False  # whether one of these names packs to rely on as well

    def load(self, scan: Scan, on_damage: OnDamage | None) -> None:
        """Bring the indexes up to the objects that `scan` lists.

        Raises IntegrityError for the first that is damaged, or with
        `on_damage` calls that for each, with what is wrong with it.  It then
        reads all of them: whoever wants to know about damage would not learn of
        it from a copy.  Raises NotFound for one that is listed again and again,
        and not there.
        """
        began = time.monotonic()
        names = list(scan())
        present = {bytes.fromhex(name.id) for name in names}
        if not self._loaded <= present:
            self._forget()
        if on_damage is not None:
            self._loaded.clear()
        elif self._cache is not None and not self._loaded and not self._index.is_own:
            self._take_saved(self._cache, present)
        blobs = self._load_all(names, scan, on_damage)
        self._index.settle()
        if self._cache is not None and self._is_worth_saving(blobs, time.monotonic() - began):
            self._cache.save(self._index, self._loaded.difference(self._marking))

    def know(self, name: ObjectName) -> None:
        """Take note that the index holds what an object says: it was made of that."""
        self._loaded.add(bytes.fromhex(name.id))

    def marks(self) -> dict[PackId, Mark]:
        """Return which packs are marked to be deleted."""
        return read_marks((one.marked, one.writers) for one in self._marking.values())

    def _forget(self) -> None:
        self._index.reset()
        self._marked.reset()
        self._loaded.clear()
        self._marking.clear()
        self._is_mixed = False

    def _take_saved(self, cache: IndexCache, present: set[bytes]) -> None:
        saved = cache.load()
        if saved is not None and saved.objects <= present:
            self._index.attach(saved.data, saved.layout)
            self._loaded.update(saved.objects)

    def _load_all(self, names: list[ObjectName], scan: Scan, on_damage: OnDamage | None) -> int:
        """Load these objects, and look for more until there are none; return how many blobs."""
        blobs = 0
        damaged: set[ObjectName] = set()
        vanished: set[ObjectName] = set()

        def give_up(name: ObjectName, error: IntegrityError | NotFound) -> None:
            if isinstance(error, NotFound) and name not in vanished:
                vanished.add(name)
            elif isinstance(error, NotFound):
                raise error
            elif on_damage is None:
                raise type(error)(f"{name} is damaged: {error}; `bkp repair index` replaces it")
            else:
                damaged.add(name)
                on_damage(name, error)

        is_first = True
        while (wanted := [name for name in names if self._lacks(name, damaged)]) or is_first:
            blobs += self._load_each(wanted, len(names), give_up)
            names = list(scan())
            is_first = False
        return blobs

    def _lacks(self, name: ObjectName, damaged: Container[ObjectName]) -> bool:
        return bytes.fromhex(name.id) not in self._loaded and name not in damaged

    def _load_each(self, wanted: list[ObjectName], total: int, give_up: _GiveUp) -> int:
        """Return how many blobs were read."""
        blobs = 0
        known = total - len(wanted)
        # Closed here: a generator that is left to the garbage collector joins its threads
        # whenever that comes, perhaps while `threading` holds a lock that joining needs.
        with closing(
            ordered_map(self._load, wanted, threads=_READERS, ahead=2 * _READERS)
        ) as loaded:
            for done, (name, contents) in enumerate(zip(wanted, loaded, strict=True), known + 1):
                if not isinstance(contents, ReadIndex):
                    give_up(name, contents)
                    continue
                self._take(bytes.fromhex(name.id), contents)
                blobs += len(contents.packs)
                self._report(Checked("index", done, total))
        return blobs

    def _take(self, name: bytes, contents: ReadIndex) -> None:
        self._index.take(contents.packs)
        self._loaded.add(name)
        if contents.marked:
            self._marking[name] = contents._replace(packs=NOTHING)
            self._is_mixed |= len(contents.packs) > 0
        for pack in contents.marked:
            self._marked.add(pack)

    def _load(self, name: ObjectName) -> ReadIndex | IntegrityError | NotFound:
        try:
            return read_index(self._read(name))
        except NotFound as error:
            return error
        except IntegrityError as error:
            return type(error)(str(error).removeprefix(f"{name} is damaged: "))

    def _is_worth_saving(self, blobs: int, seconds: float) -> bool:
        # What this run stored may be in no index object yet.
        if not blobs or self._is_mixed or self._index.is_own:
            return False
        if seconds >= _ALWAYS_SAVED_SECONDS:
            return True
        is_much = blobs >= _SAVED_BLOBS or seconds >= _SAVED_SECONDS
        return is_much and blobs * _SAVED_SHARE >= self._index.copies()
