"""Make snapshots of which a part is lost restorable without it.

A file keeps what is left of its contents, a directory that cannot be read
becomes empty, and what no restore could make goes.  Whether contents are there
is asked of the index, which must be in order: it is repaired first, and then
damaged packs are.  Nothing is taken out of a snapshot that may be had again.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from msgspec import structs

from bkp.errors import IntegrityError
from bkp.events import Problem, Reporter
from bkp.files.writing.apply import modified
from bkp.files.writing.place import is_name
from bkp.formats.pack import BlobType
from bkp.formats.tree import Node
from bkp.ids import BlobId, blob_id
from bkp.ops.edit.replacing import Replaced, remove_snapshot, replace_snapshot
from bkp.ops.edit.trees import Store, TreeEditor
from bkp.ops.walktree import blobs_of, join
from bkp.repo.locking import Lock
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.repo.writer import BlobWriter

from .losses import Losses

REPAIRED = "repaired"
"""The tag of a snapshot that was repaired and has its original beside it, as with restic."""

_TYPES = frozenset({"file", "dir", "symlink", "dev", "chardev", "fifo", "socket"})
_NO_TIME = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairOptions:
    """Whether originals go, those of which nothing is left too, and whether to change anything."""

    forget: bool = False
    dry_run: bool = False


def repair_snapshots(
    repo: Repository,
    lock: Lock,
    chosen: Iterable[SavedSnapshot],
    options: RepairOptions,
    report: Reporter,
) -> Iterator[Replaced]:
    """Repair snapshots, and yield each of which something is lost.

    What is left out is reported, for each directory once.  Raises
    IntegrityError for what is missed but may not be lost: that says what has
    to be repaired first, and this snapshot and those after it stay as they are.
    """
    editor = TreeEditor(repo, _Salvage(repo, report))
    for old in chosen:
        with ExitStack() as stack:
            store: Store = blob_id
            if not options.dry_run:
                store = _storing(stack.enter_context(repo.blob_writer(lock)))
            tree = editor.edit(old.snapshot.tree, store).tree
        if tree == old.snapshot.tree:
            continue
        if options.dry_run:
            yield Replaced(old, None)
        elif tree is not None:
            new = replace(old.snapshot, tree=tree, original=old.id)
            if not options.forget and REPAIRED not in new.tags:
                new = replace(new, tags=(*new.tags, REPAIRED))
            yield replace_snapshot(repo, lock, old, new, keep_old=not options.forget)
        elif options.forget:
            remove_snapshot(repo, lock, old)
            yield Replaced(old, None)


def remove_unreadable(
    repo: Repository, lock: Lock, names: Sequence[str], options: RepairOptions, report: Reporter
) -> list[str]:
    """Remove those of the named snapshots that cannot be read; return the names of the others.

    Only such as are named go: an error that passes must not cost a snapshot.
    Raises IntegrityError for one that is not to be forgotten.
    """
    left = []
    for name in names:
        try:
            repo.snapshots.find(name)
        except IntegrityError:
            if not options.forget:
                raise
            found = repo.snapshots.find_id(name)
            path = f"snapshots/{found.hex()}".encode()
            report(Problem("repair", path, "it is damaged, and goes"))
            if not options.dry_run:
                lock.confirm()
                repo.snapshots.remove(found)
        else:
            left.append(name)
    return left


def _storing(writer: BlobWriter) -> Store:
    return lambda tree: writer.write(BlobType.TREE, tree).id


class _Salvage:
    """The rule that keeps what is left."""

    def __init__(self, repo: Repository, report: Reporter) -> None:
        self._repo = repo
        self._report = report
        self._losses = Losses(repo, report)

    def edit(self, directory: bytes, nodes: list[Node]) -> list[Node | None]:
        """Return what can be restored of each entry."""
        names = [name for node in nodes for name in blobs_of(node)]
        sizes = dict(zip(names, self._repo.data_sizes(names), strict=True))
        met: set[bytes] = set()
        kept: list[Node | None] = []
        for node in nodes:
            path = join(directory, node.name)
            if reason := _reason_to_drop(node, met):
                self._tell(path, f"left out: {reason}")
                kept.append(None)
                continue
            met.add(node.name)
            kept.append(self._with_time(path, self._with_contents(path, node, sizes)))
        return kept

    def _with_contents(self, path: bytes, node: Node, sizes: Mapping[BlobId, int | None]) -> Node:
        if node.type != "file":
            return node
        left = [(name, size) for name in blobs_of(node) if (size := sizes[name]) is not None]
        lost = [name for name in blobs_of(node) if sizes[name] is None]
        for name in lost:
            self._losses.confirm_contents(name)
        size = sum(size for _, size in left)
        if not lost and size == node.size and node.content is not None:
            return node
        if lost:
            self._tell(path, f"{len(lost)} pieces of its contents are lost; {size} bytes are left")
        else:
            self._tell(path, f"its size was said to be {node.size} bytes; it is {size}")
        return structs.replace(node, content=[name.hex() for name, _ in left], size=size)

    def _with_time(self, path: bytes, node: Node) -> Node:
        if not node.mtime or modified(node) is not None:
            return node
        self._tell(path, "its time cannot be read, and is not known any more")
        return structs.replace(node, mtime=_NO_TIME, atime=_NO_TIME, ctime=_NO_TIME)

    def empties(self, directory: bytes, tree: BlobId | None, error: IntegrityError) -> bool:
        """Let a directory that is lost be empty, but for the root: then nothing is left."""
        if tree is not None:
            self._losses.confirm_tree(tree)
        is_root = directory == b"/"
        what = "nothing of this snapshot is left" if is_root else "what was in it is lost"
        self._tell(directory, f"{what}: {error}")
        return not is_root

    def keeps_empty(self, _: bytes) -> bool:
        """Keep what was empty, and what has become so."""
        return True

    def _tell(self, path: bytes, message: str) -> None:
        self._report(Problem("repair", path, message))


def _reason_to_drop(node: Node, met: set[bytes]) -> str:
    if not is_name(node.name):
        return "no file can have that name"
    if node.name in met:
        return "there is another entry of that name"
    if node.type not in _TYPES:
        return f"it is of a type that is not known, {os.fsencode(node.type[:40])!r}"
    return ""
