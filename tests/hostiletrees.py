"""Trees that no backup makes: what the entries of a snapshot may say at worst.

Names that lead elsewhere or come twice, contents and lists of entries that are
lost, directories that are within themselves, numbers and texts beyond anything
a system knows, all of it among entries with which nothing is wrong.
"""

import stat
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import strategies as st

from bkp.formats.filemode import to_go
from bkp.formats.tree import Node
from bkp.ids import BlobId
from memoryrepo import make_node

LOST = "ab" * 32  # the name of what is in no index
DAMAGED = b"damaged"  # contents that cannot be read


@dataclass(frozen=True)
class Ancestor:
    """The directory so many levels up, as a subtree: the directory is in itself."""

    levels: int


Piece = bytes | str  # what is to be stored, or the text that names it


@dataclass(frozen=True)
class Entry:
    """A node to be; `fields` are those of Node, beyond what `subtree` and `pieces` say."""

    name: bytes
    fields: dict[str, object] = field(default_factory=dict)
    subtree: "tuple[Entry, ...] | Ancestor | str" = ""  # entries, or the text that names them
    pieces: tuple[Piece, ...] | None = None


Entries = tuple[Entry, ...]
Subtree = Entries | Ancestor | str


def node_of(entry: Entry, subtree: str, add: Callable[[bytes], BlobId]) -> Node:
    """Return the node of an entry, storing its contents."""
    content = None
    if entry.pieces is not None:
        content = [one if isinstance(one, str) else add(one).hex() for one in entry.pieces]
    return make_node(entry.name, 0, **{"content": content, "subtree": subtree, **entry.fields})


_good_names = st.sampled_from([b"a", b"b", b"c", b"d"])
_elsewhere = [b"", b".", b"..", b"/", b"a/b", b"../outside", b"../../outside/precious", b"a\0b"]
_odd_names = [b"x" * 255, b"y" * 256, b"\xff\xfe", b"\n\x1b[2J", b"...", b" ", b"-rf", b"\\x00"]
_bad_names = st.sampled_from(_elsewhere) | st.sampled_from(_odd_names)
_names = st.integers(0, 5).flatmap(lambda n: _bad_names if n == 0 else _good_names)

_permissions = st.sampled_from([0o644, 0o755, 0, 0o4755, 0o2755, 0o1777, 0o7777])
_wild_modes = st.sampled_from([0, 1 << 31, 1 << 27, 0o777 | 1 << 26, 2**32 - 1])
_texts = st.sampled_from(
    [
        "2020-02-02T02:02:02.123456789Z",
        "1677-01-01T00:00:00Z",
        "0000-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59.999999999-23:59",
        "",
        "yesterday",
    ]
)
_outwards = [b".", b"..", b"/", b"../outside", b"../../outside", b"../outside/precious"]
_targets = st.sampled_from([b"a", b"b/c", *_outwards, b"", b"a\0b", b"\xff", b"t" * 5000])
_attribute_names = st.sampled_from(
    [
        *("user.a", "user.b", "trusted.x", "security.capability", "system.posix_acl_access"),
        *("user.a\0b", "user.\udcff", "nonsense", "", "user." + "n" * 300),
    ]
)
_attributes = st.lists(
    st.fixed_dictionaries(
        {
            "name": _attribute_names,
            "value": st.sampled_from([b"", b"\0", b"v" * 100, b"v" * 100_000, None]),
        }
    ),
    max_size=3,
)
_FIELDS: dict[str, st.SearchStrategy[object]] = {
    "mode": _permissions.map(to_go) | _wild_modes,
    "mtime": _texts,
    "atime": _texts,
    "uid": st.sampled_from([0, 1000, 2**31, 2**32 - 1]),
    "gid": st.sampled_from([0, 1000, 2**32 - 1]),
    "user": st.sampled_from(["", "root", "\0", "u" * 300, "\udcff\n"]),
    "inode": st.sampled_from([0, 7, 2**64 - 1]),
    "links": st.sampled_from([0, 2, 2**63 - 1]),
    "size": st.sampled_from([0, 5, 2**63 - 1]),
    "device": st.sampled_from([0, 0x103, 2**32, 2**63 - 1]),
    "linktarget": st.sampled_from(["a", "../outside", "\udcff"]),
    "linktarget_raw": _targets.map(lambda target: target or None),
    "extended_attributes": _attributes,
    "error": st.just("cannot be read"),
}
_KINDS = {
    "file": stat.S_IFREG,
    "dir": stat.S_IFDIR,
    "symlink": stat.S_IFLNK,
    "fifo": stat.S_IFIFO,
    "dev": stat.S_IFBLK,
    "chardev": stat.S_IFCHR,
    "socket": stat.S_IFSOCK,
    "irregular": 0,
    "": 0,
    "\n\x1b": 0,
}
_kinds = st.sampled_from(["file"] * 8 + ["dir"] * 8 + ["symlink"] * 4 + list(_KINDS))

_linked = st.just({"inode": 7, "links": 2, "device_id": 1})
_fields: st.SearchStrategy[dict[str, object]] = st.one_of(
    st.just({}), st.just({}), _linked, st.fixed_dictionaries({}, optional=_FIELDS)
)  # most entries are sane, or the strange ones would never get anywhere

_odd_subtrees = st.sampled_from(["", LOST, "zz", "AB" * 32]) | st.integers(0, 3).map(Ancestor)


@st.composite
def _entries(draw: st.DrawFn, pieces: st.SearchStrategy[Piece], depth: int) -> Entry:
    kind = draw(_kinds)
    mode = to_go(_KINDS[kind] | draw(_permissions))
    fields = {"type": kind, "mode": mode}
    subtree: Subtree = ""
    if kind == "symlink":
        fields["linktarget_raw"] = draw(_targets) or None
    if kind == "dir" and depth:
        inner = trees(pieces, depth - 1)
        subtree = draw(st.integers(0, 5).flatmap(lambda n: _odd_subtrees if n == 0 else inner))
    has_contents = kind == "file" or draw(st.integers(0, 9)) == 0
    contents = draw(st.lists(pieces, max_size=3).map(tuple)) if has_contents else None
    return Entry(draw(_names), fields | draw(_fields), subtree, contents)


def trees(pieces: st.SearchStrategy[Piece], depth: int = 3) -> st.SearchStrategy[Entries]:
    """Return trees of files with these contents, in any order, of at most some levels."""
    return st.lists(_entries(pieces, depth), min_size=1, max_size=4).map(tuple)
