"""Restore a stored tree into a directory.

Directories are made on the way down, files are written batch by batch from
few large reads while the walk goes on, and directories get their attributes
after everything in them.  Nothing is ever written outside the target, whatever
the tree says or somebody does to the target meanwhile.
"""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from bkp.errors import SourceError, UsageError
from bkp.events import Reporter
from bkp.files.writing.apply import apply_attributes
from bkp.files.writing.place import (
    handle,
    is_mount_point,
    is_same_file,
    is_special,
    like_new,
    look,
    make_directory,
    make_hard_link,
    make_special,
    make_symlink,
    open_up,
    read_symlink,
)
from bkp.files.writing.remove import remove, remove_tree, unexpected
from bkp.files.writing.target import Directory, Identity, Presence, Target, Touching
from bkp.formats.tree import Node
from bkp.ids import BlobId
from bkp.workers import Pool

from .files import BlobSource, FileBatch
from .links import HardLinks
from .options import RestoreOptions, RestoreStats
from .tally import Tally
from .walk import Enter, Entry, Leave, Step, Walk

_WAITING = 8_000  # directories and links that wait for the files of a batch, at most


def restore(
    source: BlobSource,
    tree: BlobId,
    target: Path | bytes,
    options: RestoreOptions,
    report: Reporter,
) -> RestoreStats:
    """Restore the entries of `tree` into the directory `target`, made if need be.

    The target keeps attributes of its own.  What could not be restored is
    reported and counted in `problems`.  RestorePlanned is reported anew as
    more of a large tree is known.  Raises UsageError if the target cannot be
    used, StoreError if the storage fails, and BkpError if the target is full.
    """
    path = os.fsencode(target)
    _refuse_nonsense(path, options)
    tally = Tally(report, list_entries=options.list_entries)
    spared = _repository(source.location)
    with Target(path, make=not options.dry_run, spared=spared) as opened:
        walk = Walk(source, options.selection, tally.problem)
        with _Restore(source, opened, options, tally) as run:
            for step in walk.steps(tree, opened.root):
                run.take(step)
            run.finish()
    tally.announce()
    return tally.finish()


def _refuse_nonsense(path: bytes, options: RestoreOptions) -> None:
    if options.dry_run and options.verify:
        raise UsageError("a dry run writes nothing to verify; drop one of the two options")
    if (
        options.delete
        and options.selection.is_everything
        and os.path.realpath(path) == os.path.realpath(b"/")
    ):
        raise UsageError("deleting below / needs patterns that say what to include or exclude")


def _repository(location: str) -> Identity | None:
    """Return which directory the repository is, None if it is none of this machine."""
    try:
        return Identity.of(os.stat(location))
    except (OSError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class _Link:
    """A further name for a file of the batch."""

    directory: Directory
    name: bytes
    node: Node


@dataclass(slots=True)
class _Batch:
    """Files, and what must wait until they are there."""

    files: FileBatch
    links: list[_Link] = field(default_factory=list)
    left: list[tuple[Directory, Node]] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        return self.files.is_full or len(self.links) + len(self.left) >= _WAITING


class _Restore:
    """Takes the steps of a walk, while the files of the batch before are written."""

    def __init__(
        self, source: BlobSource, target: Target, options: RestoreOptions, tally: Tally
    ) -> None:
        self._source = source
        self._target = target
        self._options = options
        self._tally = tally
        self._hard_links = HardLinks()
        self._batch = self._new_batch()
        self._before: _Batch | None = None
        self._background = Pool(1, ahead=1)

    def __enter__(self) -> "_Restore":
        self._background.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None and self._before is not None:
            self._before.files.abandon()
        self._background.__exit__(kind, *rest)

    def take(self, step: Step) -> None:
        """Do one step, or note it until the batch is full."""
        try:
            if isinstance(step, Entry):
                self._place(step.directory, step.name, step.node)
            elif isinstance(step, Enter):
                self._enter(step.directory, step.node)
            else:
                self._leave(step)
        except SourceError as error:
            self._tally.problem(error.path, str(error))
        if self._batch.is_full:
            self._hand_over()

    def finish(self) -> None:
        """Finish all that was taken."""
        self._hand_over()
        self._finish_before()

    def _new_batch(self) -> _Batch:
        files = FileBatch(self._source, self._target, self._options, self._hard_links, self._tally)
        return _Batch(files)

    def _hand_over(self) -> None:
        """Have the files of the batch written, once those before are."""
        self._finish_before()
        self._before, self._batch = self._batch, self._new_batch()
        self._background.submit(self._before.files.restore)

    def _finish_before(self) -> None:
        """Wait for the files of the batch before, and do what waited for them."""
        before = self._before
        if before is None:
            return
        self._background.drain()
        self._before = None
        for link in before.links:
            try:
                self._link(link)
            except SourceError as error:
                self._tally.problem(error.path, str(error))
        for directory, node in before.left:
            try:
                self._finish_directory(directory, node)
            except SourceError as error:
                self._tally.problem(error.path, str(error))

    # Directories

    def _enter(self, directory: Directory, node: Node) -> None:
        self._tally.plan()
        directory.presence = Presence.BLOCKED  # until it is known better
        parent = directory.parent
        assert parent is not None
        status = look(self._target, parent, directory.name)
        if status is not None and stat.S_ISDIR(status.st_mode):
            if Identity.of(status) == self._target.spared:
                raise SourceError(directory.path(), "the repository is there")
            if not self._options.dry_run:
                open_up(self._target, directory, status)
            directory.presence = Presence.EXISTING
            return
        if status is not None and not self._options.overwrite.allows(node, status):
            raise SourceError(directory.path(), "what is in its place may not be overwritten")
        if self._options.dry_run:
            directory.presence = Presence.ABSENT
            return
        if status is not None:
            remove(self._target, parent, directory.name)
        make_directory(self._target, directory)

    def _leave(self, step: Leave) -> None:
        if self._options.delete and step.expected is not None:
            self._delete(step.directory, step.expected)
        if step.node is not None:
            self._batch.left.append((step.directory, step.node))

    def _delete(self, directory: Directory, expected: set[bytes]) -> None:
        if directory.presence is not Presence.EXISTING:
            return
        covers = self._options.selection.covers
        names = [
            name
            for name in unexpected(self._target, directory, expected)
            if covers(directory.path(name))
        ]
        if names and not expected and self._is_mounted(directory):
            # A snapshot of one file system has an empty directory where others are mounted.
            message = "not emptied: another file system is mounted there, saved as empty"
            self._tally.problem(directory.path(), message)
            return
        for name in names:
            try:
                remove_tree(
                    self._target,
                    directory,
                    name,
                    self._tally.deleted,
                    dry_run=self._options.dry_run,
                )
            except SourceError as error:
                self._tally.problem(error.path, f"not deleted: {error}")

    def _is_mounted(self, directory: Directory) -> bool:
        return directory.parent is not None and is_mount_point(self._target, directory)

    def _finish_directory(self, directory: Directory, node: Node) -> None:
        path = directory.path()
        if not self._options.dry_run:
            with Touching(directory), self._target.reach(directory) as fd:
                self._tally.shortfalls(path, apply_attributes(fd, node))
        self._tally.restored(path)

    # Other entries

    def _place(self, directory: Directory, name: bytes, node: Node) -> None:
        status = look(self._target, directory, name)
        if status is not None and not self._options.overwrite.allows(node, status):
            self._tally.skipped(directory.path(name), node.size)
        elif self._hard_links.find(node) is not None:
            self._batch.links.append(_Link(directory, name, node))
        elif node.type == "file":
            if self._batch.files.add(directory, name, node, status):
                self._hard_links.add(node, directory, name)
        elif node.type == "symlink" or is_special(node.type):
            self._tally.plan()
            if self._place_other(directory, name, node, status):
                self._hard_links.add(node, directory, name)
        else:
            message = f"bkp does not know how to restore an entry of type {node.type!r}"
            raise SourceError(directory.path(name), message)

    def _place_other(
        self, directory: Directory, name: bytes, node: Node, status: os.stat_result | None
    ) -> bool:
        path = directory.path(name)
        if not self._options.dry_run:
            if status is not None and not self._is_same_symlink(directory, name, node, status):
                self._clear(directory, name)
                status = None
            if status is None and not self._create(directory, name, node):
                return False
            with handle(self._target, directory, name, like_new(node.type)) as entry:
                self._tally.shortfalls(path, apply_attributes(entry, node))
        self._tally.restored(path)
        return True

    def _create(self, directory: Directory, name: bytes, node: Node) -> bool:
        if node.type == "symlink":
            make_symlink(self._target, directory, name, node.target)
            return True
        refused = make_special(self._target, directory, name, node)
        if refused is not None:
            self._tally.shortfalls(directory.path(name), [refused])
        return refused is None

    def _is_same_symlink(
        self, directory: Directory, name: bytes, node: Node, status: os.stat_result
    ) -> bool:
        return (
            node.type == "symlink"
            and stat.S_ISLNK(status.st_mode)
            and status.st_nlink == 1
            and read_symlink(self._target, directory, name) == node.target
        )

    def _clear(self, directory: Directory, name: bytes) -> None:
        """Remove what is where an entry belongs."""
        if self._options.delete:
            remove_tree(self._target, directory, name)
        else:
            remove(self._target, directory, name)

    def _link(self, link: _Link) -> None:
        directory, name = link.directory, link.name
        first = self._hard_links.find(link.node)
        if first is None:
            raise SourceError(directory.path(name), "the file it is a link to was not restored")
        status = look(self._target, directory, name)
        if status is not None and is_same_file(self._target, first, status):
            self._tally.skipped(directory.path(name))
            return
        self._tally.plan()
        if not self._options.dry_run:
            if status is not None:
                self._clear(directory, name)
            make_hard_link(self._target, first, directory, name)
        self._tally.restored(directory.path(name))
