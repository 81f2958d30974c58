"""Where the first name of each file with several names was restored.

Memory grows with the number of such files, and of FIFOs.
"""

from bkp.files.writing.target import Directory
from bkp.formats.tree import Node
from bkp.ops.samefile import FileKey, file_key


class HardLinks:
    """The files that further names can be linked to."""

    def __init__(self) -> None:
        self._first: dict[FileKey, tuple[Directory, bytes]] = {}

    def find(self, node: Node) -> tuple[Directory, bytes] | None:
        """Return where the file of this node has been given a name already."""
        key = file_key(node)
        return None if key is None else self._first.get(key)

    def add(self, node: Node, directory: Directory, name: bytes) -> None:
        """Remember the first name of a file, if others may follow."""
        key = file_key(node)
        if key is not None:
            self._first[key] = (directory, name)

    def forget(self, node: Node) -> None:
        """Let no further name be linked to a file: it could not be restored."""
        key = file_key(node)
        if key is not None:
            self._first.pop(key, None)
