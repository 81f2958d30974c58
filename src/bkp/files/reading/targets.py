"""What the user asked to save, as the top of the tree that is going to be saved.

Targets keep their place: `/home/u` becomes `home` with `u` in it.  Relative
ones do too, without the `..` they begin with; one that is nothing else, `.`
say, stands for what is in it.  Targets merge into one tree, and one inside
another is saved once.

Paths are cleaned by their letters alone, as restic does, so `link/..` is not
where the link leads back to.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from bkp.errors import UsageError
from bkp.events import Problem, Reporter
from bkp.files.reach import lstat
from bkp.files.reasons import reason
from bkp.files.selection.patterns import clean


@dataclass(slots=True)
class TargetNode:
    """A place in the tree: something to save as a whole, or a directory on the way to some.

    Exactly one of `place` and `children` is not empty, but for a root without anything.
    Not changed once the plan is made.
    """

    place: bytes = b""  # what to save, as a path on disk
    is_explicit: bool = False  # the user named it, so nothing excludes it
    way: bytes = b""  # path on disk of a directory above targets
    children: dict[bytes, "TargetNode"] = field(default_factory=dict)
    base: bytes = b""  # of a child of the root: its path on disk


@dataclass(frozen=True, slots=True)
class Plan:
    """The targets that exist, merged.

    `paths` are their absolute paths as snapshots list them, in the order
    given; `devices` says on which file system each of those is.
    """

    root: TargetNode
    paths: list[bytes]
    devices: dict[bytes, int]


def plan_targets(targets: Sequence[bytes], report: Reporter) -> Plan:
    """Look at the targets and merge them.

    Those that are not there are reported and left out.  Raises UsageError if
    none is left.
    """
    if not targets:
        raise UsageError("nothing to save: name at least one file or directory")
    root = TargetNode()
    paths: list[bytes] = []
    devices: dict[bytes, int] = {}
    for target in targets:
        device = _find(target, report)
        if device is None:
            continue
        path = absolute_path(target)
        paths.append(path)
        devices[path] = device
        for place, is_explicit in _expand(clean(target), report):
            _add(root, place, is_explicit)
    if not paths:
        raise UsageError("none of the files and directories to save exists")
    _unroll(root, report)
    return Plan(root, paths, devices)


def absolute_paths(targets: Iterable[bytes]) -> list[bytes]:
    """Return the targets as snapshots list them."""
    return [absolute_path(target) for target in targets]


def absolute_path(path: bytes) -> bytes:
    """Return a path from the root, as the user would write it: through symbolic links."""
    if path.startswith(b"/"):
        return clean(path)
    return clean(_logical_directory() + b"/" + path)


def physical_path(path: bytes) -> bytes:
    """Return a path from the root that leads where the relative one does."""
    if path.startswith(b"/"):
        return path
    return clean(_physical_directory() + b"/" + path)


def _physical_directory() -> bytes:
    try:
        return os.getcwdb()
    except OSError as error:
        raise UsageError(f"the current directory cannot be found: {reason(error)}") from error


def _logical_directory() -> bytes:
    """Return the current directory as the shell calls it, if it is right about that."""
    logical = os.environb.get(b"PWD", b"")
    try:
        if logical.startswith(b"/") and os.path.samefile(logical, b"."):
            return logical
    except (OSError, ValueError):
        pass
    return _physical_directory()


def _find(target: bytes, report: Reporter) -> int | None:
    """Return the device a target is on, or report that it cannot be found."""
    try:
        return lstat(target).st_dev
    except (FileNotFoundError, ValueError):  # ValueError: a zero byte, which no name has
        message = "does not exist, skipping"
    except OSError as error:
        message = f"cannot be accessed, skipping: {reason(error)}"
    report(Problem("archival", target, message))
    return None


def _components(place: bytes) -> list[bytes]:
    """Return the names that lead to a clean path from where it begins."""
    return [name for name in clean(b"/" + place).split(b"/") if name]


def _base(place: bytes) -> bytes:
    """Return the directory a clean path begins in: the root, the current one or one above."""
    if place.startswith(b"/"):
        return b"/"
    ups = [name for name in place.split(b"/") if name == b".."]
    return b"/".join(ups) or b"."


def _join(directory: bytes, name: bytes) -> bytes:
    return clean(directory + b"/" + name)


def _expand(target: bytes, report: Reporter) -> Iterator[tuple[bytes, bool]]:
    """Give a target, or what is in it if it has no name of its own."""
    if _components(target):
        yield target, True
        return
    for name in _names(target, report):
        yield _join(target, name), False


def _names(directory: bytes, report: Reporter) -> list[bytes]:
    try:
        return sorted(set(os.listdir(directory)))
    except OSError as error:
        report(Problem("archival", directory, f"cannot read the directory: {reason(error)}"))
        return []


def _add(root: TargetNode, place: bytes, is_explicit: bool) -> None:
    """Put a target into the tree; a name taken by one that begins elsewhere gets a number."""
    first, *others = _components(place)
    base = _base(place)
    name = first
    count = 0
    way = _join(base, first)
    while name in root.children and root.children[name].base != way:
        count += 1
        name = b"%s-%d" % (first, count)
    node = root.children.setdefault(name, TargetNode(base=way))
    for component in others:
        node.way = way
        node = node.children.setdefault(component, TargetNode())
        way = _join(way, component)
    node.place = place
    node.is_explicit = node.is_explicit or is_explicit


def _unroll(root: TargetNode, report: Reporter) -> None:
    """Replace each target that has others inside by everything that is in it."""
    todo = [root]
    while todo:
        node = todo.pop()
        if node.place and node.children:
            for name in _names(node.place, report):
                inner = node.children.setdefault(name, TargetNode())
                inner.place = _join(node.place, name)
            node.place = b""
        todo.extend(node.children.values())
