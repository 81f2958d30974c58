"""Whatever a tree says and whatever is in the target: a restore stays inside, and tells the truth.

Beside the target is what would notice, and in it are links and further names
that lead there.
"""

import os
import stat
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from bkp.errors import Missing
from bkp.events import Event, Problem
from bkp.formats.tree import Node
from bkp.ids import BlobId, blob_id
from bkp.ops.restore.options import Overwrite, RestoreOptions
from bkp.ops.restore.run import restore
from bkp.ops.selection import EVERYTHING, Exactly, Selection
from hostiletrees import DAMAGED, LOST, Ancestor, Entries, Entry, Piece, node_of, trees
from memoryrepo import MemoryRepository

_MOST_TREES = 60

_PIECES: list[Piece] = [b"", b"x", b"y" * 5000, bytes(100_000), b"keep", DAMAGED, LOST, "zz"]
_selections = st.sampled_from(
    [EVERYTHING] * 4 + [Selection(include=Exactly(b"/a/b")), Selection(exclude=Exactly(b"/b"))]
)
_options = st.builds(
    RestoreOptions,
    selection=_selections,
    overwrite=st.sampled_from(Overwrite),
    delete=st.booleans(),
    dry_run=st.sampled_from([False] * 4 + [True]),
    verify=st.booleans(),
    sparse=st.booleans(),
).map(lambda options: replace(options, verify=options.verify and not options.dry_run))


class Finite(MemoryRepository):
    """Has no more trees after some, or a directory that is in itself would have no end."""

    def __init__(self) -> None:
        super().__init__()
        self.damaged.add(blob_id(DAMAGED))
        self._left = _MOST_TREES

    def load_tree(self, name: BlobId) -> list[Node]:
        self._left -= 1
        if self._left < 0:
            raise Missing("there are too many")
        return super().load_tree(name)


def stored(repository: MemoryRepository, tree: Entries, above: tuple[BlobId, ...] = ()) -> BlobId:
    name = repository.add_tree([])
    within = (name, *above)
    repository.trees[name] = [
        node_of(entry, _subtree(repository, entry, within), repository.add) for entry in tree
    ]
    return name


def _subtree(repository: MemoryRepository, entry: Entry, within: tuple[BlobId, ...]) -> str:
    if isinstance(entry.subtree, str):
        return entry.subtree
    if isinstance(entry.subtree, Ancestor):
        return within[min(entry.subtree.levels, len(within) - 1)].hex()
    return stored(repository, entry.subtree, within).hex()


# What is on disk


class Seen(NamedTuple):
    """An entry with all that a restore could change, and reading does not."""

    mode: int
    owner: tuple[int, int]
    mtime_ns: int
    attributes: dict[str, bytes]
    content: object  # of a file or link; of a directory, what is in it


def look(path: bytes) -> Seen:
    status = os.lstat(path)
    attributes = {
        name: os.getxattr(path, name, follow_symlinks=False)
        for name in os.listxattr(path, follow_symlinks=False)
    }
    owner = status.st_uid, status.st_gid
    return Seen(status.st_mode, owner, status.st_mtime_ns, attributes, _content(path, status))


def _content(path: bytes, status: os.stat_result) -> object:
    if stat.S_ISDIR(status.st_mode):
        return {name: look(os.path.join(path, name)) for name in os.listdir(path)}
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(path)
    return _read(path) if stat.S_ISREG(status.st_mode) else status.st_rdev


def _read(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()


class Place:
    """A target, and what is around it."""

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(os.fsencode(root))
        self.target = self.root + b"/deep/target"
        self.outside = self.root + b"/outside"
        os.makedirs(self.target)
        os.makedirs(self.outside + b"/d")
        for name in (b"precious", b"linked", b"d/deep"):
            Path(os.fsdecode(os.path.join(self.outside, name))).write_bytes(b"keep")

    def around(self) -> tuple[object, ...]:
        return os.listdir(self.root), os.listdir(self.root + b"/deep"), look(self.outside)

    def prepare(self, present: dict[bytes, bytes]) -> None:
        """Put entries into the target where there is a directory for them."""
        for name, kind in sorted(present.items()):
            path = os.path.join(self.target, name)
            if self._is_directory(os.path.dirname(path)) and not os.path.lexists(path):
                self._make(path, kind)

    def _is_directory(self, path: bytes) -> bool:
        """Say whether a directory is one without any links on the way to it."""
        return os.path.isdir(path) and os.path.realpath(path) == path

    def _make(self, path: bytes, kind: bytes) -> None:
        if kind == b"file":
            Path(os.fsdecode(path)).write_bytes(b"keep")
        elif kind == b"directory":
            os.mkdir(path)
        elif kind == b"fifo":
            os.mkfifo(path)
        elif kind == b"further name":
            os.link(self.outside + b"/linked", path)
        else:
            os.symlink(self.root + kind, path)


_KINDS = [b"directory", b"directory", b"further name", b"further name", b"file", b"fifo"]
_LINKS = [b"/outside", b"/outside", b"/outside/precious", b"/outside/d", b"", b"/nowhere"]
_present = st.dictionaries(
    st.sampled_from([b"a", b"b", b"c", b"d", b"a/a", b"a/b", b"b/a", b"d/d", b"a/b/c"]),
    st.sampled_from(_KINDS + _LINKS),
    min_size=1,
    max_size=8,
)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@settings(max_examples=5 * settings().max_examples)
@given(trees(st.sampled_from(_PIECES)), _present, _options)
def test_nothing_outside_is_touched(
    tree: Entries, present: dict[bytes, bytes], options: RestoreOptions
) -> None:
    events: list[Event] = []
    repository = Finite()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as root:
        place = Place(root)
        place.prepare(present)
        around, inside, opened = place.around(), look(place.target), open_files()

        stats = restore(repository, stored(repository, tree), place.target, options, events.append)

        assert place.around() == around
        assert open_files() == opened
        if options.dry_run:
            assert look(place.target) == inside
        problems = [event for event in events if isinstance(event, Problem)]
        assert stats.problems >= len(problems)
        is_whole = options.selection is EVERYTHING and options.overwrite is Overwrite.ALWAYS
        if not problems and is_whole and not options.dry_run:
            check_restored(place.target, tree)


def check_restored(directory: bytes, tree: Entries) -> None:
    """See that what the restore had no word about is there."""
    for entry in tree:
        path = os.path.join(directory, entry.name)
        mode = os.lstat(path).st_mode
        match entry.fields["type"]:
            case "dir":
                assert isinstance(entry.subtree, tuple)
                check_restored(path, entry.subtree)
            case "file":
                pieces = [one for one in entry.pieces or () if isinstance(one, bytes)]
                assert stat.S_ISREG(mode)
                assert _read(path) == b"".join(pieces)
            case "symlink":
                assert stat.S_ISLNK(mode)
            case _:
                assert not stat.S_ISREG(mode)
