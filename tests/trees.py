"""Directory trees written as literals: put on disk, and read back to be compared.

    build(tmp_path, {"a": b"text", "d": {"link": Symlink("../a"), b"\\xff": File(mode=0o600)}})
    assert describe(tmp_path) == describe(other)

A plain value stands for an entry with nothing special about it: bytes for a
file, a dict for a directory.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

Name: TypeAlias = str | bytes
AnyPath: TypeAlias = str | bytes | Path

SECOND = 1_000_000_000  # ns


@dataclass(frozen=True, kw_only=True)
class _Attributes:
    mode: int | None = None
    mtime_ns: int | None = None
    owner: tuple[int, int] | None = None
    xattrs: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class File(_Attributes):
    content: bytes = b""


@dataclass(frozen=True)
class Sparse(_Attributes):
    """A file with holes: its size, and what is at some offsets."""

    size: int
    pieces: Mapping[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Dir(_Attributes):
    entries: "Tree" = field(default_factory=dict)


@dataclass(frozen=True)
class Symlink(_Attributes):
    target: Name


@dataclass(frozen=True)
class Fifo(_Attributes):
    pass


@dataclass(frozen=True)
class Socket(_Attributes):
    pass


@dataclass(frozen=True)
class Device(_Attributes):
    """A device; needs root."""

    is_block: bool
    major: int
    minor: int


@dataclass(frozen=True)
class HardLink:
    """Another name for a file, by its path from the root of the tree."""

    path: Name


Special: TypeAlias = File | Sparse | Dir | Symlink | Fifo | Socket | Device
Thing: TypeAlias = "bytes | Tree | Special | HardLink"
Tree: TypeAlias = "Mapping[Name, Thing]"


def build(root: AnyPath, tree: Tree) -> bytes:
    """Put a tree on disk in a directory, which is made if need be; return its path."""
    top = os.fsencode(root)
    os.makedirs(top, exist_ok=True)
    links: list[tuple[bytes, bytes]] = []
    finished: list[tuple[bytes, _Attributes]] = []
    _fill(top, tree, links, finished)
    for target, path in links:
        os.link(os.path.join(top, target), path, follow_symlinks=False)
    for path, attributes in reversed(finished):  # what is in a directory before it
        _finish(path, attributes)
    return top


def _fill(
    directory: bytes,
    tree: Tree,
    links: list[tuple[bytes, bytes]],
    finished: list[tuple[bytes, _Attributes]],
) -> None:
    for name, thing in tree.items():
        path = os.path.join(directory, os.fsencode(name))
        if isinstance(thing, HardLink):
            links.append((os.fsencode(thing.path), path))
            continue
        special = _special(thing)
        _make(path, special)
        finished.append((path, special))
        if isinstance(special, Dir):
            _fill(path, special.entries, links, finished)


def _special(thing: "bytes | Tree | Special") -> Special:
    if isinstance(thing, bytes):
        return File(thing)
    return Dir(thing) if isinstance(thing, Mapping) else thing


def _make(path: bytes, thing: Special) -> None:
    match thing:
        case File():
            Path(os.fsdecode(path)).write_bytes(thing.content)
        case Sparse():
            with open(path, "wb") as file:
                file.truncate(thing.size)
                for offset, data in thing.pieces.items():
                    file.seek(offset)
                    file.write(data)
        case Dir():
            os.mkdir(path)
        case Symlink():
            os.symlink(os.fsencode(thing.target), path)
        case Fifo():
            os.mkfifo(path)
        case Socket():
            os.mknod(path, stat.S_IFSOCK | 0o644)
        case Device():
            kind = stat.S_IFBLK if thing.is_block else stat.S_IFCHR
            os.mknod(path, kind | 0o600, os.makedev(thing.major, thing.minor))


def _finish(path: bytes, attributes: _Attributes) -> None:
    is_link = isinstance(attributes, Symlink)
    for name, value in attributes.xattrs.items():
        os.setxattr(path, name, value, follow_symlinks=False)
    if attributes.owner is not None:
        os.chown(path, *attributes.owner, follow_symlinks=False)
    if attributes.mode is not None and not is_link:
        os.chmod(path, attributes.mode)
    if attributes.mtime_ns is not None:
        os.utime(path, ns=(attributes.mtime_ns, attributes.mtime_ns), follow_symlinks=False)


@dataclass(frozen=True)
class Description:
    """Everything about an entry that a backup must bring back; holes do not count."""

    kind: str
    mode: int
    owner: tuple[int, int]
    mtime_ns: int
    xattrs: tuple[tuple[str, bytes], ...]
    content: bytes = b""  # of a file, or where a link points
    device: int = 0
    same_as: tuple[bytes, ...] = ()  # all the names of the file, if it has several here


_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFBLK: "dev",
    stat.S_IFCHR: "chardev",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


def describe(root: AnyPath, *, with_root: bool = False) -> dict[bytes, Description]:
    """Read what is in a directory back, by path relative to it; b"." is the directory itself."""
    top = os.fsencode(root)
    paths = sorted(_paths(top)) + ([b"."] if with_root else [])
    names: dict[tuple[int, int], list[bytes]] = {}
    for path in paths:
        status = os.lstat(os.path.join(top, path))
        if not stat.S_ISDIR(status.st_mode):
            names.setdefault((status.st_dev, status.st_ino), []).append(path)
    return {path: _describe(os.path.join(top, path), names) for path in paths}


def _paths(top: bytes) -> list[bytes]:
    found: list[bytes] = []
    todo = [b""]
    while todo:
        directory = todo.pop()
        for entry in os.scandir(os.path.join(top, directory)):
            path = os.path.join(directory, entry.name)
            found.append(path)
            if entry.is_dir(follow_symlinks=False):
                todo.append(path)
    return found


def _describe(path: bytes, names: Mapping[tuple[int, int], list[bytes]]) -> Description:
    status = os.lstat(path)
    kind = _KINDS[stat.S_IFMT(status.st_mode)]
    content = b""
    if kind == "file":
        with open(path, "rb") as file:
            content = file.read()
    elif kind == "symlink":
        content = os.readlink(path)
    same = names.get((status.st_dev, status.st_ino), [])
    attributes = sorted(os.listxattr(path, follow_symlinks=False))
    return Description(
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        owner=(status.st_uid, status.st_gid),
        mtime_ns=status.st_mtime_ns,
        xattrs=tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in attributes),
        content=content,
        device=status.st_rdev if kind in {"dev", "chardev"} else 0,
        same_as=tuple(same) if len(same) > 1 else (),
    )


def remove_deep(top: AnyPath) -> None:
    """Remove a chain of directories too deep for shutil, which recurses.

    Each holds at most one more.
    """
    here = os.open(top, os.O_RDONLY)
    while names := os.listdir(here):
        (name,) = names
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        for found in os.listdir(below):
            if stat.S_ISDIR(os.stat(found, dir_fd=below, follow_symlinks=False).st_mode):
                other = "odd" if name == "even" else "even"
                os.rename(found, other, src_dir_fd=below, dst_dir_fd=here)
            else:
                os.unlink(found, dir_fd=below)
        os.close(below)
        os.rmdir(name, dir_fd=here)
    os.close(here)
