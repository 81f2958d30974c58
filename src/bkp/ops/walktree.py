"""Walk a stored tree, depth first, in stored order.

Any depth is walked without recursion, and memory holds the nodes of the
directories on the path to where the walk is.  A directory that cannot be read
is reported and the walk goes on behind it.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from bkp.errors import IntegrityError, Malformed, NotFound
from bkp.events import Problem, Reporter
from bkp.formats.tree import Node
from bkp.ids import BlobId, parse_id


class TreeSource(Protocol):
    """Where trees come from; a Repository is one."""

    def load_tree(self, name: BlobId) -> list[Node]:
        """Return the nodes of a tree; raises IntegrityError if it cannot be had."""


class Found(NamedTuple):
    """A node and its absolute path in the snapshot."""

    path: bytes
    node: Node


def join(directory: bytes, name: bytes) -> bytes:
    """Return the path of an entry of a directory."""
    return directory + name if directory.endswith(b"/") else directory + b"/" + name


def subtree_of(node: Node) -> BlobId:
    """Return the tree of a directory; raises Malformed if it has none."""
    try:
        return BlobId(parse_id(node.subtree))
    except ValueError:
        raise Malformed("the directory has no tree") from None


def blobs_of(node: Node) -> list[BlobId]:
    """Return the blobs of a file's contents; none for anything else."""
    if node.type != "file":
        return []
    return [BlobId(bytes.fromhex(name)) for name in node.content or ()]


def _always(_: Found) -> bool:
    return True


def _all(_: bytes, nodes: Iterator[Node]) -> Iterator[Node]:
    return nodes


def walk(
    source: TreeSource,
    tree: BlobId,
    report: Reporter,
    *,
    under: bytes = b"/",
    enters: Callable[[Found], bool] = _always,
    picks: Callable[[bytes, Iterator[Node]], Iterator[Node]] = _all,
) -> Iterator[Found]:
    """Yield what is in a tree, each directory before its entries.

    `under` is the path of the tree itself.  A directory for which `enters` is
    false is yielded but not looked into; it is asked after the directory was
    consumed.  `picks` chooses among the entries of a directory, given its path.
    """
    levels = [(under, picks(under, _load(source, tree, under, report)))]
    while levels:
        directory, nodes = levels[-1]
        node = next(nodes, None)
        if node is None:
            levels.pop()
            continue
        found = Found(join(directory, node.name), node)
        yield found
        if node.type == "dir" and enters(found):
            levels.append((found.path, picks(found.path, _load_of(source, found, report))))


def nodes_or_none(
    source: TreeSource, tree: BlobId, path: bytes, report: Reporter
) -> list[Node] | None:
    """Return the nodes of the directory at `path`; None, after reporting it, if it is damaged."""
    try:
        return source.load_tree(tree)
    except (IntegrityError, NotFound) as error:
        report(Problem("listing", path, f"its list of entries cannot be read: {error}"))
        return None


def _load_of(source: TreeSource, found: Found, report: Reporter) -> Iterator[Node]:
    try:
        tree = subtree_of(found.node)
    except Malformed as error:
        report(Problem("listing", found.path, str(error)))
        return iter(())
    return _load(source, tree, found.path, report)


def _load(source: TreeSource, tree: BlobId, path: bytes, report: Reporter) -> Iterator[Node]:
    return iter(nodes_or_none(source, tree, path, report) or ())
