"""Which entries of a snapshot were one file: its hard links.

Entries are one file if system and inode are the same, and what they hold is
too: an inode number may have been given to another file while the snapshot
was taken, and not every program stores which system it is of.
"""

from bkp.formats.tree import Node

FileKey = tuple[int, int, str, int]


def file_key(node: Node) -> FileKey | None:
    """Return what entries that are one file have in common; None if others cannot be.

    Of FIFOs the format does not say how many names they have.
    """
    if node.type == "dir" or node.inode == 0 or (node.links < 2 and node.type != "fifo"):
        return None
    held = hash((node.size, node.linktarget, node.device, tuple(node.content or ())))
    return node.device_id, node.inode, node.type, held
