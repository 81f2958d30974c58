"""Rewrite snapshots: without some of their entries, or said to be of another host or time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from bkp.errors import IntegrityError, UsageError
from bkp.events import Problem, Reporter
from bkp.formats.pack import BlobType
from bkp.formats.snapshot import Snapshot, Summary
from bkp.formats.tree import Node
from bkp.ids import BlobId, blob_id
from bkp.ops.selection import EVERYTHING, Selection
from bkp.ops.walktree import join
from bkp.repo.locking import Lock
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot

from .replacing import Replaced, replace_snapshot
from .trees import Edited, TreeEditor

REWRITTEN = "rewrite"
"""The tag of a snapshot that was rewritten and has its original beside it, as with restic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteOptions:
    """How snapshots are to be changed; `time` is RFC 3339 text.

    Without `forget` the originals stay.
    """

    selection: Selection = EVERYTHING
    host: str = ""
    time: str = ""
    add_summary: bool = False
    forget: bool = False
    dry_run: bool = False

    def __post_init__(self) -> None:
        """Raise UsageError if nothing is to be changed."""
        chooses = not self.selection.is_everything
        if not (chooses or self.host or self.time or self.add_summary):
            raise UsageError("nothing to change; see the options of `bkp rewrite`")
        if self.selection.include is not None and self.selection.exclude is not None:
            raise UsageError("what to include and what to exclude cannot both be given")

    @property
    def needs_trees(self) -> bool:
        """Whether trees have to be looked at."""
        return self.add_summary or not self.selection.is_everything


def rewrite(
    repo: Repository,
    lock: Lock,
    chosen: Iterable[SavedSnapshot],
    options: RewriteOptions,
    report: Reporter,
) -> Iterator[Replaced]:
    """Rewrite snapshots, and yield each that is another then.

    One in which nothing would be left of what is included stays as it is, and
    so does one of which a tree cannot be read; that is reported.
    """
    editor = TreeEditor(repo, _Chosen(options.selection))
    for old in chosen:
        try:
            edited = _edit(repo, lock, editor, old, options) if options.needs_trees else None
        except _UnreadableTree as error:
            report(Problem("rewrite", f"snapshots/{old.id.hex()}".encode(), str(error)))
            # What the editor knows of may not have been stored when this came in between.
            editor = TreeEditor(repo, _Chosen(options.selection))
            continue
        new = _rewritten(old, edited, options)
        if new is None:
            continue
        if options.dry_run:
            yield Replaced(old, None)
        else:
            yield replace_snapshot(repo, lock, old, new, keep_old=not options.forget)


def _edit(
    repo: Repository, lock: Lock, editor: TreeEditor, old: SavedSnapshot, options: RewriteOptions
) -> Edited:
    if options.dry_run:
        return editor.edit(old.snapshot.tree, blob_id)
    with repo.blob_writer(lock) as writer:
        return editor.edit(old.snapshot.tree, lambda tree: writer.write(BlobType.TREE, tree).id)


def _rewritten(
    old: SavedSnapshot, edited: Edited | None, options: RewriteOptions
) -> Snapshot | None:
    """Return what becomes of a snapshot, None if it stays as it is."""
    before = old.snapshot
    after = replace(before, hostname=options.host or before.hostname)
    if options.time:
        after = replace(after, time=options.time)
    if edited is not None:
        if edited.tree is None:
            return None
        after = replace(after, tree=edited.tree, summary=_summary(before.summary, edited))
    if after == before:
        return None
    tags = before.tags
    if not options.forget and REWRITTEN not in tags:
        tags = (*tags, REWRITTEN)
    return replace(after, original=old.id, tags=tags)


def _summary(before: Summary | None, edited: Edited) -> Summary:
    return replace(
        before or Summary(),
        total_files_processed=edited.files,
        total_bytes_processed=edited.size,
    )


class _UnreadableTree(IntegrityError):
    """Nobody knows what is to be chosen; unlike a failure to store what was, of one snapshot."""


class _Chosen:
    """The rule that keeps what is selected."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection

    def edit(self, directory: bytes, nodes: list[Node]) -> list[Node | None]:
        """Keep what is selected, and directories in which something may be."""
        if self._selection.is_everything:
            return list(nodes)
        return [node if self._keeps(join(directory, node.name), node) else None for node in nodes]

    def _keeps(self, path: bytes, node: Node) -> bool:
        if node.type == "dir" and self._selection.may_cover_below(path):
            return True
        return self._selection.covers(path)

    def empties(self, directory: bytes, _: BlobId | None, error: IntegrityError) -> bool:
        """Raise: what cannot be read cannot be chosen from."""
        where = directory.decode("utf-8", "replace")
        raise _UnreadableTree(f"{where} cannot be read: {error}; `bkp check` tells what that means")

    def keeps_empty(self, directory: bytes) -> bool:
        """Keep a directory, unless it is there only for what was to be included below it."""
        return self._selection.include is None or self._selection.covers(directory)
