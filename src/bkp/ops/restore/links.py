"""Which entries of a snapshot were one file: its hard links.

Entries are one file if system and inode are the same, and what they hold is
too: an inode number may have been given to another file while the snapshot
was taken.  Memory grows with the number of files that have several names, and
of FIFOs, of which the format does not say how many names they have.
"""

from bkp.files.writing.target import Directory
from bkp.formats.tree import Node

_Key = tuple[int, int, str, int]


class HardLinks:
    """Where the first name of each file with several names was restored."""

    def __init__(self) -> None:
        self._first: dict[_Key, tuple[Directory, bytes]] = {}

    def find(self, node: Node) -> tuple[Directory, bytes] | None:
        """Return where the file of this node has been given a name already."""
        return self._first.get(_key(node)) if _has_links(node) else None

    def add(self, node: Node, directory: Directory, name: bytes) -> None:
        """Remember the first name of a file, if others may follow."""
        if _has_links(node):
            self._first[_key(node)] = (directory, name)

    def forget(self, node: Node) -> None:
        """Let no further name be linked to a file: it could not be restored."""
        if _has_links(node):
            self._first.pop(_key(node), None)


def _has_links(node: Node) -> bool:
    return node.inode != 0 and (node.links > 1 or node.type == "fifo")


def _key(node: Node) -> _Key:
    held = hash((node.size, node.linktarget, node.device, tuple(node.content or ())))
    return node.device_id, node.inode, node.type, held
