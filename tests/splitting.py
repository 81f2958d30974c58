"""Trees taken apart, to see that nothing is lost on the way."""

from bkp.errors import Malformed
from bkp.formats.encoded import open_tree
from bkp.formats.tree import decode_tree


def split_tree(data: bytes) -> dict[bytes, bytes]:
    """Return all nodes of a tree by name, as an open tree has them; Malformed if it is none."""
    tree = open_tree(data)
    try:
        names = [node.name for node in decode_tree(data)]
    except Malformed as error:
        raise AssertionError("a tree was opened that is none") from error
    nodes = {name: tree.get(name) for name in names}
    for other in (b"", b"\xff\xff", *(name + b"\0" for name in names)):
        assert tree.get(other) == nodes.get(other)
    return {name: node for name, node in nodes.items() if node is not None}
