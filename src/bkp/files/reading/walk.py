"""Walk over everything that is to be saved, in the order of snapshots.

Depth first, each directory sorted by the bytes of its names, however deep it
goes: nothing here recurses and paths of any length are managed.  What cannot
be read is reported and left out, and the walk goes on; what vanished since
its directory was read is left out in silence, for it is not there.  Memory
holds the names of the directories on the way to where the walk is.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple, TypeAlias

from bkp.events import EntryExcluded, Problem, Reporter
from bkp.files.reach import LONGEST, lstat, reach
from bkp.files.reasons import reason
from bkp.files.selection.excludes import Excludes
from bkp.files.status import AnyStatus, Statuses, look_at_each
from bkp.workers import Aside

from .listings import ListingsAhead
from .targets import Plan, TargetNode, absolute_path, physical_path

_WITHOUT_CONTENTS = frozenset({stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO})

_DIRECTORY = ord("d")  # among the letters of Statuses
_AT_ONCE = 512  # entries of a directory that are looked at together, shortly before their turn
_LONGEST_NAME = 255  # bytes


class Step(Enum):
    """What the walk does at an entry."""

    ENTER = "enter"  # a directory; what is in it follows
    LEAVE = "leave"  # the same directory, done
    FILE = "file"  # a regular file, which has contents
    LEAF = "leaf"  # anything else


class Entry(NamedTuple):
    """An entry met on disk."""

    step: Step
    path: bytes  # inside the snapshot
    name: bytes  # the last component of that
    source: bytes  # where it is on disk, absolute; may be too long for a system call, see reach
    stat: AnyStatus
    is_followed: bool = False  # a directory above targets: `stat` is of what a link leads to

    @property
    def is_file(self) -> bool:
        """Whether it has contents."""
        return self.step is Step.FILE


class Run(NamedTuple):
    """Regular files that follow each other in a directory, looked at but not one by one."""

    path: bytes  # of the directory, inside the snapshot; both paths end in a slash
    source: bytes
    names: list[bytes]
    statuses: Statuses
    begin: int  # which of these they are
    end: int

    def entry(self, row: int) -> Entry:
        """Return one of them."""
        name = self.names[row]
        status = self.statuses[row]
        assert not isinstance(status, int)
        return Entry(Step.FILE, self.path + name, name, self.source + name, status)

    def entries(self) -> Iterator[Entry]:
        """Yield them one by one."""
        return map(self.entry, range(self.begin, self.end))

    @property
    def files(self) -> int:
        """How many there are."""
        return self.end - self.begin


def entry_at(source: bytes, status: AnyStatus) -> Entry:
    """Return what a walk would yield of a path by itself, before what may be in it."""
    steps = {stat.S_IFREG: Step.FILE, stat.S_IFDIR: Step.ENTER}
    step = steps.get(stat.S_IFMT(status.st_mode), Step.LEAF)
    return Entry(step, source, source.rpartition(b"/")[2], source, status)


class _Directory(NamedTuple):
    """A directory whose entries are being walked; paths end in a slash."""

    path: bytes
    source: bytes
    matched: bytes  # the path excludes are decided by
    names: Sequence[bytes]
    device: int
    allowed_device: int  # what is on others is excluded with one_file_system


_Found: TypeAlias = "tuple[Entry | Run, _Children | None]"
_Children: TypeAlias = "Iterator[_Found]"


def walk(
    plan: Plan, excludes: Excludes, report: Reporter, *, during: str = "archival"
) -> Iterator[Entry]:
    """Yield every entry; a directory twice, before and after what is in it.

    Problems are reported as met `during` something.
    """
    for met in _Walk(plan, excludes, report, during).run():
        if isinstance(met, Run):
            yield from met.entries()
        else:
            yield met


def walk_in_runs(plan: Plan, excludes: Excludes, report: Reporter) -> Iterator[Entry | Run]:
    """Yield what `walk` does, but many files at once where they follow each other."""
    return _Walk(plan, excludes, report, "archival").run()


class _Walk:
    def __init__(self, plan: Plan, excludes: Excludes, report: Reporter, during: str) -> None:
        self._plan = plan
        self._excludes = excludes
        self._report = report
        self._during = during
        self._one_file_system = excludes.one_file_system
        self._aside = Aside()

    def run(self) -> Iterator[Entry | Run]:
        with self._aside:
            yield from self._run()

    def _run(self) -> Iterator[Entry | Run]:
        stack: list[tuple[Entry | None, _Children]] = [(None, self._planned(self._plan.root, b"/"))]
        while stack:
            for met, children in stack[-1][1]:
                yield met
                if children is not None:
                    assert isinstance(met, Entry)
                    stack.append((met, children))
                    break
            else:
                directory, _ = stack.pop()
                if directory is not None:
                    yield directory._replace(step=Step.LEAVE)

    def _planned(self, node: TargetNode, path: bytes) -> _Children:
        """Walk what the plan says is in a directory; `path` ends in a slash."""
        for name in sorted(node.children):
            child = node.children[name]
            if child.place:
                yield from self._target(child, path + name, name)
            else:
                yield from self._way(child, path + name, name)

    def _way(self, node: TargetNode, path: bytes, name: bytes) -> _Children:
        source = physical_path(node.way)
        try:
            with reach(source) as short:
                status = os.stat(short)
        except OSError as error:
            self._problem(source, f"cannot be accessed: {reason(error)}")
            return
        if not stat.S_ISDIR(status.st_mode):
            self._problem(source, "is not a directory any more")
            return
        entry = Entry(Step.ENTER, path, name, source, status, is_followed=True)
        yield entry, self._planned(node, path + b"/")

    def _target(self, node: TargetNode, path: bytes, name: bytes) -> _Children:
        """Walk what is to be saved as a whole, as if it were alone in its directory."""
        source, _, disk_name = physical_path(node.place).rpartition(b"/")
        matched = absolute_path(node.place).rpartition(b"/")[0]
        directory = _Directory(
            path=path.removesuffix(name),
            source=source + b"/",
            matched=matched + b"/",
            names=[disk_name],
            device=self._device(source or b"/"),
            allowed_device=self._allowed_device(matched or b"/"),
        )
        if not node.is_explicit and not self._kept(source, directory.names):
            return
        if not node.is_explicit and not self._wanted(directory, directory.names):
            return
        (status,) = _look(directory.source, [disk_name])
        found = self._entry(directory, (disk_name, name), status, is_target=node.is_explicit)
        if found is not None:
            yield found

    def _device(self, directory: bytes) -> int:
        if not self._one_file_system:
            return 0
        try:
            return lstat(directory).st_dev
        except OSError:
            return -1  # none: nothing there is where it should be

    def _allowed_device(self, path: bytes) -> int:
        """Return the device of the closest target at or above a path, -2 if there is none."""
        while path not in self._plan.devices and path != b"/":
            path = path.rpartition(b"/")[0] or b"/"
        return self._plan.devices.get(path, -2)

    def _entries(self, directory: _Directory, seen_ahead: Statuses | None) -> _Children:
        """Walk what is in a directory, of which the first entries may have been looked at."""
        looked = len(seen_ahead) if seen_ahead is not None else 0
        if seen_ahead is not None and self._takes_files_as_they_are(directory, seen_ahead):
            yield from self._in_runs(directory, list(directory.names[:looked]), seen_ahead)
        else:
            looked = 0
        for begin in range(looked, len(directory.names), _AT_ONCE):
            names = self._wanted(directory, directory.names[begin : begin + _AT_ONCE])
            seen = _look(directory.source, names)
            if isinstance(seen, Statuses) and self._takes_files_as_they_are(directory, seen):
                yield from self._in_runs(directory, names, seen)
                continue
            for name, status in zip(names, seen, strict=True):
                if found := self._entry(directory, (name, name), status, is_target=False):
                    yield found

    def _takes_files_as_they_are(self, directory: _Directory, seen: Statuses) -> bool:
        """Say whether no file is excluded for what was seen of it."""
        if self._excludes.limits_sizes:
            return False
        return not self._one_file_system or seen.are_on(directory.allowed_device)

    def _in_runs(self, directory: _Directory, names: list[bytes], seen: Statuses) -> _Children:
        ahead = self._ahead(directory, names, seen)
        row = 0
        while row < len(names):
            rest = seen.letters[row:]
            if files := len(rest) - len(rest.lstrip(b"f")):
                yield Run(directory.path, directory.source, names, seen, row, row + files), None
                row += files
                continue
            name = names[row]
            if found := self._entry(
                directory, (name, name), seen[row], is_target=False, ahead=ahead
            ):
                yield found
            row += 1

    def _ahead(
        self, directory: _Directory, names: list[bytes], seen: Statuses
    ) -> ListingsAhead | None:
        """Return what lists the directories among some entries, if there are more than one."""
        rows = [row for row, letter in enumerate(seen.letters) if letter == _DIRECTORY]
        if self._one_file_system:  # nothing is asked of file systems that may not even answer
            rows = [row for row in rows if _is_on(seen[row], directory.allowed_device)]
        if len(rows) < 2:
            return None
        look = not self._excludes.may_exclude_in(directory.matched)
        return ListingsAhead(self._aside, directory.source, [names[row] for row in rows], look=look)

    def _wanted(self, directory: _Directory, names: Sequence[bytes]) -> list[bytes]:
        """Return the names that no pattern excludes."""
        excludes = self._excludes
        if not excludes.may_exclude_in(directory.matched):
            return list(names)
        wanted = []
        for name in names:
            if excludes.excludes_name(directory.matched + name):
                self._report(EntryExcluded(directory.source + name))
            else:
                wanted.append(name)
        return wanted

    def _entry(
        self,
        directory: _Directory,
        names: tuple[bytes, bytes],  # on disk, and in the snapshot
        status: AnyStatus | int,
        *,
        is_target: bool,
        ahead: ListingsAhead | None = None,
    ) -> "_Found | None":
        """Look at what was seen of an entry; None if it is not to be saved."""
        disk_name, name = names
        source = directory.source + disk_name
        if isinstance(status, int):
            self._cannot_access(source, status, is_target=is_target)
            return None
        if not is_target and self._is_excluded_by_status(directory, disk_name, status):
            self._report(EntryExcluded(source))
            return None
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFREG:
            return Entry(Step.FILE, directory.path + name, name, source, status), None
        if kind == stat.S_IFDIR:
            return self._enter(directory, disk_name, name, ahead)
        if kind in _WITHOUT_CONTENTS:
            return Entry(Step.LEAF, directory.path + name, name, source, status), None
        if kind != stat.S_IFSOCK:  # those come and go with the program that listens
            self._problem(source, "is of a type that cannot be saved")
        return None

    def _cannot_access(self, source: bytes, error: int, *, is_target: bool) -> None:
        if error != errno.ENOENT:
            why = reason(OSError(error, os.strerror(error)))
            self._problem(source, f"cannot be accessed: {why}")
        elif is_target:
            self._problem(source, "does not exist any more")

    def _enter(
        self, above: _Directory, disk_name: bytes, name: bytes, ahead: ListingsAhead | None
    ) -> tuple[Entry, _Children] | None:
        source = above.source + disk_name
        path = above.path + name
        look = not self._excludes.may_exclude_in(above.matched)
        ahead = ahead or ListingsAhead(self._aside, above.source, [disk_name], look=look)
        try:
            status, names, seen = ahead.take(disk_name)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._problem(source, f"cannot read the directory: {reason(error)}")
            return None
        matched = above.matched + disk_name
        kept = self._kept(source, names)
        directory = _Directory(
            path=path + b"/",
            source=source + b"/",
            matched=matched + b"/",
            names=kept,
            device=status.st_dev,
            allowed_device=self._plan.devices.get(matched, above.allowed_device),
        )
        entry = Entry(Step.ENTER, path, name, source, status)
        return entry, self._entries(directory, seen if kept is names and len(seen) else None)

    def _kept(self, directory: bytes, names: Sequence[bytes]) -> Sequence[bytes]:
        kept = self._excludes.keeps_of(directory, names, self._report)
        if kept is not names:
            for name in names:
                if name not in kept:
                    self._report(EntryExcluded(directory + b"/" + name))
        return kept

    def _is_excluded_by_status(self, directory: _Directory, name: bytes, status: AnyStatus) -> bool:
        if self._excludes.excludes_entry(status):
            return True
        if not self._one_file_system:
            return False
        allowed = self._plan.devices.get(directory.matched + name, directory.allowed_device)
        if status.st_dev == allowed:
            return False
        # A mount point is saved as the directory it is, without what is mounted there.
        is_mount_point = (
            stat.S_ISDIR(status.st_mode) and directory.device == directory.allowed_device
        )
        return not is_mount_point

    def _problem(self, source: bytes, message: str) -> None:
        self._report(Problem(self._during, source, message))


def _is_on(status: AnyStatus | int, device: int) -> bool:
    return not isinstance(status, int) and status.st_dev == device


def _look(directory: bytes, names: list[bytes]) -> Statuses | list[AnyStatus | int]:
    """Return the status of each entry, or the number of the error; the path ends in a slash."""
    if len(directory) <= LONGEST - _LONGEST_NAME:
        return look_at_each(directory, names)
    return [_lstat(directory + name) for name in names]


def _lstat(path: bytes) -> os.stat_result | int:
    try:
        return lstat(path)
    except OSError as error:
        return error.errno or errno.EIO
