"""What differs between two nodes of the same path, in restic's letters.

`+` added, `-` removed, `T` another type, `M` other contents, `U` other
metadata, and `?` after `M` if contents changed although nothing else did,
which is how a failing disk looks.  Other than restic, a link that points
elsewhere and a device of another number count as other contents.
"""

from dataclasses import dataclass

from msgspec import structs

from bkp.formats.tree import Node
from bkp.times import parse_time


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of a comparison; the path of a directory ends with a slash.

    `live` is where the later of the two is on disk, if it is not in a snapshot.
    """

    path: bytes
    modifier: str
    before: Node | None
    after: Node | None
    live: bytes = b""


def shown_path(path: bytes, node: Node) -> bytes:
    """Return a path as comparisons show it."""
    return path + b"/" if node.type == "dir" else path


def compare(path: bytes, before: Node, after: Node, *, metadata: bool) -> Difference | None:
    """Compare two nodes that are both there; None if nothing differs that was asked for."""
    modifier = ""
    if before.type != after.type:
        modifier = "T"
    elif before.type == "file":
        if before.content != after.content:
            alike = structs.replace(before, content=after.content)
            modifier = "M?" if is_same(alike, after) else "M"
    elif (before.target, before.device) != (after.target, after.device):
        modifier = "M"
    if modifier in {"", "T"} and metadata and not is_same(before, after):
        modifier += "U"
    return Difference(shown_path(path, after), modifier, before, after) if modifier else None


def is_same(before: Node, after: Node) -> bool:
    """Say whether nodes agree in everything; times may be written in different zones."""
    if before == after:
        return True
    if not all(
        _is_same_time(getattr(before, name), getattr(after, name))
        for name in ("mtime", "atime", "ctime")
    ):
        return False
    return before == structs.replace(
        after, mtime=before.mtime, atime=before.atime, ctime=before.ctime
    )


def _is_same_time(before: str, after: str) -> bool:
    try:
        return before == after or parse_time(before) == parse_time(after)
    except ValueError:
        return False  # one of them is no time, so they differ as texts
