"""Making the entries of a restore target that have no contents, each at its name.

Directories, symbolic and hard links, FIFOs, devices, sockets.  Nothing here
replaces what is at a name already, and nothing follows a link; see target.
Everything is made for its owner alone, to be opened up once it is complete.
All raise SourceError for a failure of the one entry.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bkp.errors import SourceError
from bkp.files.reasons import reason
from bkp.formats.tree import Node

from .apply import Attribute, Shortfall
from .target import Directory, Identity, Presence, Target, Touching

IsIt = Callable[[os.stat_result], bool]  # whether something with this status is what is meant

_OWNER_ALL = 0o700

_NO_NAMES = frozenset({b"", b".", b".."})

_DEVICES = frozenset({"dev", "chardev"})
_SPECIAL = {
    "fifo": stat.S_IFIFO,
    "dev": stat.S_IFBLK,
    "chardev": stat.S_IFCHR,
    "socket": stat.S_IFSOCK,
}


def is_name(name: bytes) -> bool:
    """Say whether `name` names an entry of a directory, and nothing beyond it."""
    return name not in _NO_NAMES and b"/" not in name and b"\0" not in name


def is_special(type_name: str) -> bool:
    """Say whether nodes of this type are made by `make_special`."""
    return type_name in _SPECIAL


def look(target: Target, directory: Directory, name: bytes) -> os.stat_result | None:
    """Return the status of the entry itself, None if there is none."""
    presence = directory.presence  # a set of members would be hashed by Python, for each entry
    if presence is Presence.NEW or presence is Presence.ABSENT:
        return None
    with Touching(directory, name), target.reach(directory) as fd:
        try:
            return os.stat(name, dir_fd=fd, follow_symlinks=False)
        except FileNotFoundError:
            return None


def make_directory(target: Target, directory: Directory) -> None:
    """Make a directory below one that is there."""
    assert directory.parent is not None
    with (
        Touching(directory.parent, directory.name),
        target.reach(directory.parent) as fd,
    ):
        os.mkdir(directory.name, _OWNER_ALL, dir_fd=fd)
    directory.presence = Presence.NEW


def open_up(target: Target, directory: Directory, status: os.stat_result) -> None:
    """Let the owner of a directory that exists work in it until it is complete."""
    if status.st_mode & _OWNER_ALL != _OWNER_ALL and os.geteuid() == status.st_uid:
        assert directory.parent is not None
        with handle(
            target, directory.parent, directory.name, same_as(Identity.of(status))
        ) as entry:
            os.chmod(entry, stat.S_IMODE(status.st_mode) | _OWNER_ALL)


def make_symlink(target: Target, directory: Directory, name: bytes, destination: bytes) -> None:
    """Make a symbolic link to `destination`, which may be anything."""
    if b"\0" in destination:
        raise SourceError(directory.path(name), "links to a name with a zero byte in it")
    with Touching(directory, name), target.reach(directory) as fd:
        os.symlink(destination, name, dir_fd=fd)


def read_symlink(target: Target, directory: Directory, name: bytes) -> bytes:
    """Return where a symbolic link leads."""
    with Touching(directory, name), target.reach(directory) as fd:
        return os.readlink(name, dir_fd=fd)


def make_special(target: Target, directory: Directory, name: bytes, node: Node) -> Shortfall | None:
    """Make a FIFO, device or socket; return why if it takes more rights than we have."""
    with Touching(directory, name), target.reach(directory) as fd:
        try:
            os.mknod(name, 0o600 | _SPECIAL[node.type], node.device, dir_fd=fd)
        except PermissionError as error:
            if node.type not in _DEVICES or error.errno != errno.EPERM:
                raise
            return Shortfall(Attribute.DEVICE, reason(error))
        except OverflowError:
            raise SourceError(directory.path(name), "no device has such a number") from None
    return None


def make_hard_link(
    target: Target, old: tuple[Directory, bytes], directory: Directory, name: bytes
) -> None:
    """Give the entry `old` a further name."""
    old_directory, old_name = old
    with (
        Touching(directory, name),
        target.reach(old_directory) as old_fd,
        target.reach(directory) as fd,
    ):
        os.link(old_name, name, src_dir_fd=old_fd, dst_dir_fd=fd, follow_symlinks=False)


def is_same_file(target: Target, entry: tuple[Directory, bytes], status: os.stat_result) -> bool:
    """Say whether an entry is there, and is the file which has this status."""
    there = look(target, *entry)
    return there is not None and os.path.samestat(there, status)


def is_mount_point(target: Target, directory: Directory) -> bool:
    """Say whether another file system begins at a directory below the target."""
    assert directory.parent is not None
    with (
        Touching(directory),
        target.reach(directory) as fd,
        target.reach(directory.parent) as parent_fd,
    ):
        return os.fstat(fd).st_dev != os.fstat(parent_fd).st_dev


def same_as(identity: Identity) -> IsIt:
    """Return what tells an entry that was looked at before."""
    return lambda status: Identity.of(status) == identity


def like_new(type_name: str) -> IsIt:
    """Return what tells a link or special entry of ours: it is one, and has no other name.

    A further name could be one outside the target, given to it while nobody looked.
    """
    kind = stat.S_IFLNK if type_name == "symlink" else _SPECIAL[type_name]
    return lambda status: stat.S_IFMT(status.st_mode) == kind and status.st_nlink == 1


@contextmanager
def handle(target: Target, directory: Directory, name: bytes, is_it: IsIt) -> Iterator[str]:
    """Give a path that names one entry itself, whatever happens to its name meanwhile.

    It works for chmod, chown, utime and extended attributes of any entry,
    also one that could not be opened, and does nothing else to it: opening a
    device may move a tape.  Errors of what is done with it are translated.
    Raises SourceError if the entry is no longer the one that is meant.
    """
    with Touching(directory, name):
        with target.reach(directory) as fd:
            entry = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
        try:
            if not is_it(os.fstat(entry)):
                raise SourceError(
                    directory.path(name), "became another entry while it was being restored"
                )
            yield f"/proc/self/fd/{entry}"
        finally:
            os.close(entry)
