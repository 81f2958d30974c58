"""A file that waits to be restored: what it is made of, and how far it is."""

from bkp.files.writing.contents import TargetFile
from bkp.formats.tree import Node
from bkp.ids import BlobId


class PendingFile:
    """A file of a batch.

    `right` tells which of its blobs need no writing, `left` how many of the
    others are still to come.  It is plain if there was nothing of its name, and
    it is at most one blob.  If it `has_other_names`, not all of them need be in
    the target, so what is there is left as it is or replaced.
    """

    __slots__ = (
        "blobs",
        "has_other_names",
        "is_alone",
        "is_damaged",
        "is_failed",
        "is_plain",
        "is_unchanged",
        "left",
        "node",
        "right",
        "sizes",
        "to",
        "trusted_size",
    )

    def __init__(
        self, to: TargetFile, node: Node, blobs: list[BlobId], *, is_new: bool = False
    ) -> None:
        self.to = to
        self.node = node
        self.blobs = blobs
        self.sizes: list[int] = []  # of the blobs
        self.trusted_size = -1  # of a file that is right if it has the right size
        self.right: bytearray | None = None
        self.left = 0
        self.is_alone = False  # one piece to write, so nobody else will open the file
        self.is_unchanged = False  # what is there is right and needs only its attributes
        self.has_other_names = False
        self.is_damaged = False
        self.is_failed = False
        self.is_plain = is_new and len(blobs) < 2

    @property
    def action(self) -> str:
        """What is done with it, in restic's word."""
        return "restored" if self.right is None else "updated"
