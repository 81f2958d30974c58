"""Compare a snapshot with what is on disk now.

A file whose size and modification time are as stored is taken for unchanged;
one of the same size but another time is read and compared piece by piece with
the identities of the stored blobs, so nothing is read from the repository but
trees.  What the snapshot left out by its patterns is left out here as well.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from bkp.errors import IntegrityError, Malformed, SourceError, UsageError
from bkp.events import Problem, Reporter, ignore
from bkp.files.reach import lstat, reach
from bkp.files.reading.metadata import NodeReader
from bkp.files.reading.opening import open_file
from bkp.files.reading.walk import Entry, Step, entry_at
from bkp.files.reasons import reason
from bkp.files.selection.excludes import Excludes
from bkp.formats.filemode import type_of
from bkp.formats.tree import Node
from bkp.ids import blob_id
from bkp.ops.locate import Place, place_in
from bkp.ops.walktree import blobs_of, join, nodes_or_none, subtree_of, walk
from bkp.repo.repository import Repository
from bkp.times import local_zone

from .counts import DiffStats, SideStats
from .differences import Difference, shown_path
from .live_roots import LiveRoot, live_roots, narrow


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """How to compare: metadata too?  Every file's contents, or only of those that look new?

    Neither side shows what is excluded.
    """

    metadata: bool = False
    read_data: bool = False
    excludes: Excludes = field(default_factory=Excludes)


@dataclass(slots=True)
class _Level:
    """A directory both sides have, and the pairs of its entries still to compare."""

    root: LiveRoot
    pairs: Iterator[tuple[Node | None, Entry | None]]


class LiveComparison:
    """The differences between a place and the disk, found while iterating; then the counts."""

    def __init__(
        self, repo: Repository, place: Place, options: LiveOptions, report: Reporter = ignore
    ) -> None:
        """Compare with what is on disk; what cannot be read is reported and left out."""
        self._repo = repo
        self._place = place
        self._options = options
        self._report = report
        self._nodes = NodeReader(local_zone(), report)
        self._added = _Count()
        self._removed = _Count()
        self._changed_files = 0
        self._elsewhere: set[bytes] = set()  # stored paths that are compared by themselves

    def __iter__(self) -> Iterator[Difference]:
        """Yield what differs, in the order of paths; to be done once."""
        saved = self._place.saved
        roots = live_roots(saved.snapshot.paths, self._find)
        self._elsewhere = {root.stored for root in roots}
        for root in narrow(roots, self._place.path):
            for difference in self._compare_root(root):
                self._count(difference)
                yield difference

    def statistics(self) -> DiffStats:
        """Count what was found; to be called after iterating.  Blobs are not counted."""
        return DiffStats(self._changed_files, self._added.side(), self._removed.side())

    def _find(self, path: bytes) -> Node | None:
        try:
            return place_in(self._repo, self._place.saved, path).node
        except (UsageError, IntegrityError):
            return None

    def _compare_root(self, root: LiveRoot) -> Iterator[Difference]:
        place = place_in(self._repo, self._place.saved, root.stored)
        if place.node is None:
            levels = [self._open(root, place)]
        else:
            entry = self._look(root)
            yield from self._compare(root, place.node, entry)
            levels = self._enter(root, place.node, entry)
        while levels:
            pair = next(levels[-1].pairs, None)
            if pair is None:
                levels.pop()
                continue
            node, entry = pair
            name = node.name if node is not None else entry.name if entry is not None else b""
            at = levels[-1].root
            below = LiveRoot(join(at.stored, name), join(at.live, name))
            if below.stored in self._elsewhere:
                continue
            yield from self._compare(below, node, entry)
            levels += self._enter(below, node, entry)

    def _enter(self, root: LiveRoot, node: Node | None, entry: Entry | None) -> list[_Level]:
        if node is None or entry is None or node.type != "dir" or entry.step is not Step.ENTER:
            return []
        return [self._open(root, Place(self._place.saved, root.stored, node))]

    def _open(self, root: LiveRoot, place: Place) -> _Level:
        entries = self._list(root)
        try:
            nodes = nodes_or_none(self._repo, place.tree, root.stored, self._report)
        except Malformed as error:
            self._report(Problem("listing", root.stored, str(error)))
            nodes = None
        if nodes is None or entries is None:
            return _Level(root, iter(()))
        stored = {node.name: node for node in nodes}
        names = sorted(stored.keys() | entries.keys())
        return _Level(root, ((stored.get(name), entries.get(name)) for name in names))

    def _list(self, root: LiveRoot) -> dict[bytes, Entry] | None:
        try:
            with reach(root.live) as path:
                names = os.listdir(path)
        except OSError as error:
            self._report(Problem("scan", root.live, f"cannot be listed: {reason(error)}"))
            return None
        entries = {}
        for name in self._options.excludes.keeps_of(root.live, names):
            entry = self._look(LiveRoot(join(root.stored, name), join(root.live, name)))
            if entry is not None:
                entries[name] = entry
        return entries

    def _look(self, root: LiveRoot) -> Entry | None:
        """Return what is on disk, or None if there is nothing that would be saved."""
        excludes = self._options.excludes
        if excludes.excludes_name(root.live):
            return None
        try:
            status = lstat(root.live)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self._report(Problem("scan", root.live, f"cannot be looked at: {reason(error)}"))
            return None
        if stat.S_ISSOCK(status.st_mode) or excludes.excludes_entry(status):
            return None  # never part of a snapshot
        name = os.path.basename(root.stored)
        return entry_at(root.live, status)._replace(path=root.stored, name=name)

    def _compare(
        self, root: LiveRoot, node: Node | None, entry: Entry | None
    ) -> Iterator[Difference]:
        if node is not None and entry is not None:
            is_same_type = node.type == type_of(entry.stat.st_mode)
            modifier = self._modifier(node, entry) if is_same_type else "T"
            if modifier:
                after = self._read(entry)
                yield Difference(
                    shown_path(root.stored, after), modifier, node, after, entry.source
                )
            if is_same_type:
                return
        elif node is not None:
            if self._options.excludes.excludes_name(root.live):
                return
            yield Difference(shown_path(root.stored, node), "-", node, None)
        elif entry is not None:
            after = self._read(entry)
            yield Difference(shown_path(root.stored, after), "+", None, after, entry.source)
        yield from self._all_stored(root, node)
        yield from self._all_live(root, entry)

    def _all_stored(self, root: LiveRoot, node: Node | None) -> Iterator[Difference]:
        if node is not None and node.type == "dir" and node.subtree:
            for found in walk(self._repo, subtree_of(node), self._report, under=root.stored):
                yield Difference(shown_path(*found), "-", found.node, None)

    def _all_live(self, root: LiveRoot, entry: Entry | None) -> Iterator[Difference]:
        levels = [self._sorted(root)] if entry is not None and entry.step is Step.ENTER else []
        while levels:
            below = next(levels[-1], None)
            if below is None:
                levels.pop()
                continue
            after = self._read(below)
            yield Difference(shown_path(below.path, after), "+", None, after, below.source)
            if below.step is Step.ENTER:
                levels.append(self._sorted(LiveRoot(below.path, below.source)))

    def _sorted(self, root: LiveRoot) -> Iterator[Entry]:
        entries = self._list(root) or {}
        return (entries[name] for name in sorted(entries))

    def _read(self, entry: Entry) -> Node:
        try:
            return self._nodes.read(entry)
        except SourceError as error:
            self._report(Problem("scan", error.path, str(error)))
            return Node(quoted_name="", type=type_of(entry.stat.st_mode))

    def _modifier(self, node: Node, entry: Entry) -> str:
        if node.type == "file" and not self._has_same_contents(node, entry):
            return "M"
        if node.type in {"dir", "file"}:
            return "U" if self._options.metadata and _differs(node, self._read(entry)) else ""
        after = self._read(entry)
        if (node.target, node.device) != (after.target, after.device):
            return "M"
        return "U" if self._options.metadata and _differs(node, after) else ""

    def _has_same_contents(self, node: Node, entry: Entry) -> bool:
        if node.size != entry.stat.st_size:
            return False
        if not self._options.read_data and _mtime(node) == entry.stat.st_mtime_ns:
            return True
        try:
            with open_file(entry) as opened:
                return self._holds(opened.stream, node)
        except SourceError as error:
            self._report(Problem("scan", entry.source, str(error)))
            return True  # it is not known to differ

    def _holds(self, stream: BinaryIO, node: Node) -> bool:
        """Say whether a stream holds just what a file held, cut at the same places."""
        try:
            for blob in blobs_of(node):
                if blob_id(_read_exactly(stream, self._repo.data_size(blob))) != blob:
                    return False
        except IntegrityError as error:
            raise SourceError(node.name, f"cannot be compared: {error}") from error
        return not stream.read(1)

    def _count(self, difference: Difference) -> None:
        if difference.before is None and difference.after is not None:
            self._added.take(difference.after)
        elif difference.after is None and difference.before is not None:
            self._removed.take(difference.before)
        elif "M" in difference.modifier and difference.before is not None:
            self._changed_files += difference.before.type == "file"


def _read_exactly(stream: BinaryIO, size: int) -> bytes:
    """Read so many bytes, fewer only at the end."""
    pieces = []
    while size and (piece := stream.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _differs(before: Node, after: Node) -> bool:
    """Say whether metadata that a restore would bring back differs."""
    return _restorable(before) != _restorable(after)


def _restorable(node: Node) -> Sequence[object]:
    attributes = sorted((one.name, one.value) for one in node.extended_attributes)
    # The time of a link or a directory is restored, too; that of access is not stored by default.
    return (node.mode, _mtime(node), node.uid, node.gid, attributes, node.device)


def _mtime(node: Node) -> int | None:
    try:
        return node.mtime_ns
    except Malformed:
        return None  # not every tool stores one


@dataclass(slots=True)
class _Count:
    files: int = 0
    dirs: int = 0
    others: int = 0
    bytes: int = 0

    def take(self, node: Node) -> None:
        if node.type == "file":
            self.files += 1
        elif node.type == "dir":
            self.dirs += 1
        else:
            self.others += 1
        self.bytes += node.size

    def side(self) -> SideStats:
        return SideStats(
            self.files, self.dirs, self.others, data_blobs=0, tree_blobs=0, bytes=self.bytes
        )
