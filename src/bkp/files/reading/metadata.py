"""Turn what the system says about an entry into a node.

The node is byte for byte the one restic makes on the same machine: fields are
there or left out by type, names come from /etc, times are written in the
zone given.  Contents, size as read, and subtree are the caller's to fill in.

There are two ways to the same bytes: `plain_head` makes those of what is plain
at once, a tenth of the work; `read` makes a node of anything.
"""

import os
from collections.abc import Callable

from bkp.errors import SourceError
from bkp.events import Problem, Reporter
from bkp.files.reach import reach
from bkp.files.reasons import reason
from bkp.files.status import AnyStatus, Status
from bkp.formats.encoded import (
    Heads,
    PlainTree,
    ZoneOffsets,
    compare_files,
    head_of,
    nodes_of_files,
    plain_head,
)
from bkp.formats.filemode import to_go, type_of
from bkp.formats.gojson import encode
from bkp.formats.goquote import quote
from bkp.formats.tree import Node, Xattr
from bkp.times import Zone, format_time

from .owners import OwnerNames
from .walk import Entry, Run
from .xattrs import list_xattrs, read_xattr


class NodeReader:
    """Makes nodes; may be used by several threads."""

    def __init__(
        self,
        zone: Zone,
        report: Reporter,
        *,
        with_atime: bool = False,
        owners: OwnerNames | None = None,
    ) -> None:
        """Write times in `zone`; access times only if asked to, for they change by themselves."""
        self._zone = zone
        self._report = report
        self._with_atime = with_atime
        self._owners = owners or OwnerNames()
        self._offsets = ZoneOffsets(zone)
        self._users = _JsonNames(self._owners.user)
        self._groups = _JsonNames(self._owners.group)
        self._heads = Heads(self._offsets, self._users, self._groups)

    def plain_head(self, entry: Entry) -> bytes | None:
        """Return the head of an entry's node as it is stored, None if it is not plain.

        See formats.encoded.  Nothing is reported.
        """
        if self._with_atime or _has_xattrs(entry):
            return None
        status = entry.stat
        user, group = self._users[status.st_uid], self._groups[status.st_gid]
        return plain_head(entry.name, status, self._offsets, user, group)

    def head(self, entry: Entry) -> bytes:
        """Return the head of any entry's node as it is stored; fails as `read` does."""
        return self.plain_head(entry) or head_of(self.read(entry))

    def nodes_of_files(self, run: Run, ids: bytes) -> bytes | None:
        """Return the nodes of files of one chunk each, or none if empty, as they are in a tree.

        `ids` are those of the chunks.  None if one of them is not plain.
        """
        if self._with_atime:
            return None
        return nodes_of_files(run.names, run.statuses, run.begin, run.end, ids, self._heads)

    def compare(
        self, run: Run, tree: PlainTree, largest: int
    ) -> list[tuple[int, int, int, bytes, bytes]]:
        """Hold files against a tree; see formats.encoded.  Access times are not looked at."""
        return compare_files(
            run.names, run.statuses, run.begin, run.end, tree, self._heads, largest
        )

    @property
    def with_atime(self) -> bool:
        """Whether nodes have access times of their own."""
        return self._with_atime

    def read(self, entry: Entry, status: AnyStatus | None = None) -> Node:
        """Return the node of an entry, from a fresher `status` if there is one.

        Attributes that cannot be read are reported, and the node lacks them.
        Raises SourceError only if it is a symbolic link that cannot be read.
        """
        status = status or entry.stat
        kind = type_of(status.st_mode)
        mtime = format_time(status.st_mtime_ns, self._zone)
        node = Node(
            quoted_name=quote(entry.name),
            type=kind,
            mode=to_go(status.st_mode),
            mtime=mtime,
            atime=format_time(status.st_atime_ns, self._zone) if self._with_atime else mtime,
            ctime=format_time(status.st_ctime_ns, self._zone),
            uid=status.st_uid,
            gid=status.st_gid,
            user=self._owners.user(status.st_uid),
            group=self._owners.group(status.st_gid),
            inode=status.st_ino,
            device_id=status.st_dev,
        )
        match kind:
            case "file":
                node.size = status.st_size
                node.links = status.st_nlink
            case "symlink":
                node.links = status.st_nlink
                node.target = _read_link(entry.source)
            case "dev" | "chardev":
                node.links = status.st_nlink
                node.device = status.st_rdev
        if status is not entry.stat or _has_xattrs(entry):
            node.extended_attributes = self._read_xattrs(entry)
        return node

    def _read_xattrs(self, entry: Entry) -> list[Xattr]:
        try:
            names = list_xattrs(entry.source)
        except OSError as error:
            # Above what is to be saved they need not be ours to see.
            if not (entry.is_followed and isinstance(error, PermissionError)):
                self._problem(entry, f"cannot list extended attributes: {reason(error)}")
            return []
        attributes: list[Xattr] = []
        for name in names:
            try:
                attributes.append(read_xattr(entry.source, name))
            except OSError as error:
                self._problem(entry, f"cannot read extended attribute {name}: {reason(error)}")
        return attributes

    def _problem(self, entry: Entry, message: str) -> None:
        self._report(Problem("archival", entry.source, message))


class _JsonNames(dict[int, bytes]):
    """The names of users or groups as JSON, empty if there is none."""

    def __init__(self, name: Callable[[int], str]) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, number: int) -> bytes:
        name = self._name(number)
        found = self[number] = encode(name) if name else b""
        return found


def _has_xattrs(entry: Entry) -> bool:
    """Say whether there are any, or something is the matter with them."""
    if isinstance(entry.stat, Status):
        return entry.stat.has_xattrs
    try:
        return bool(list_xattrs(entry.source))
    except OSError:
        return True


def _read_link(source: bytes) -> bytes:
    try:
        with reach(source) as short:
            return os.readlink(short)
    except OSError as error:
        raise SourceError(source, f"cannot read the link: {reason(error)}") from error
