"""Trees: the entries of one directory, byte for byte as restic encodes them.

`{"nodes":[` nodes joined by `,` `]}` and a newline.  The identity of a tree
is the SHA-256 of these bytes, so the encoding is part of the format: fields
in the order below, empty optional ones left out, strings as Go's encoding/json
writes them (see gojson), names quoted as Go's strconv.Quote does first (see
goquote), nodes strictly ascending by raw name.

What restic wrote comes back to the same bytes.  Names are not judged here:
one like `..` is a name, and keeping it inside a directory is the reader's job.

Source: restic's doc/design.rst, "Trees and Data".
"""

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from bkp.errors import Malformed
from bkp.times import parse_time

from .gojson import Natural, Uint32, Uint63, decode, decode_lossy, encode, has_lost_bytes, lossy
from .goquote import unquote
from .hexids import parse_hex_ids


class Xattr(msgspec.Struct, frozen=True, gc=False):
    """One extended attribute, value in base64; `null` if it vanished when read.

    A byte of the name that is not UTF-8 is a lone surrogate, as in the names
    the os module gives; storing loses which byte it was.
    """

    name: str
    value: bytes | None


def _no_number() -> int:
    return 0


def _no_content() -> list[str] | None:
    return None


class Node(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """What is stored about one entry of a directory; fields in stored order.

    Times are RFC 3339 text exactly as stored (see bkp.times), identities are
    hex.  `content` is None for anything but files.  Bytes that are not UTF-8
    are lone surrogates in `user`, `group`, `linktarget` and names of attributes.
    """

    quoted_name: str = msgspec.field(name="name")
    type: str
    mode: Uint32 = 0  # Go's FileMode, see filemode
    mtime: str = ""  # restic always writes the times; rustic leaves out what it does not know
    atime: str = ""
    ctime: str = ""
    uid: Uint32 = msgspec.field(default_factory=_no_number)  # a factory: written even if 0
    gid: Uint32 = msgspec.field(default_factory=_no_number)
    user: str = ""
    group: str = ""
    inode: Natural = 0
    device_id: Natural = 0
    size: Uint63 = 0
    links: Uint63 = 0
    linktarget: str = ""  # lossy when linktarget_raw is there
    linktarget_raw: bytes | None = None
    extended_attributes: list[Xattr] = []
    generic_attributes: msgspec.Raw = msgspec.Raw()
    device: Uint63 = 0
    content: list[str] | None = msgspec.field(default_factory=_no_content)
    subtree: str = ""
    error: str = ""

    @property
    def name(self) -> bytes:
        """The name as it is on disk; any bytes, so not safe to use as a path."""
        return unquote(self.quoted_name)

    @property
    def target(self) -> bytes:
        """Where a symbolic link points, as bytes; setting it sets both stored forms."""
        return self.linktarget_raw or lossy(self.linktarget).encode()

    @target.setter
    def target(self, raw: bytes) -> None:
        self.linktarget = _text(raw)
        is_utf8 = lossy(self.linktarget) == self.linktarget
        self.linktarget_raw = None if is_utf8 else raw

    @property
    def mtime_ns(self) -> int:
        """When the contents changed, in ns since the epoch; Malformed if it is no time."""
        return _instant(self.mtime)

    @property
    def atime_ns(self) -> int:
        """When it was last read, in ns since the epoch; Malformed if it is no time."""
        return _instant(self.atime)

    @property
    def ctime_ns(self) -> int:
        """When the inode changed, in ns since the epoch; Malformed if it is no time."""
        return _instant(self.ctime)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _instant(text: str) -> int:
    try:
        return parse_time(text)
    except ValueError as error:
        raise Malformed(f"tree: {error}") from error


class _Tree(msgspec.Struct):
    nodes: list[Node] | None


def encode_tree(nodes: Sequence[Node]) -> bytes:
    """Return the bytes of a tree, whose SHA-256 is its identity.

    Raises ValueError unless the names are strictly ascending as bytes.
    """
    for before, after in pairwise(unquote(node.quoted_name) for node in nodes):
        if before >= after:
            raise ValueError(f"names of a tree out of order: {before!r}, {after!r}")
    return encode({"nodes": nodes}) + b"\n"


def decode_tree(data: bytes) -> list[Node]:
    """Return the nodes of a tree in stored order, which nothing here promises to be sorted.

    Unknown keys are skipped.  Raises Malformed if it is no tree, a name is not
    quoted, or an identity is not 64 lower-case hex digits.
    """
    nodes = decode(data, _Tree).nodes or []  # null is what Go makes of no list
    ids = []
    for node in nodes:
        unquote(node.quoted_name)  # to see that it can be
        if node.content:
            ids += node.content
        if node.subtree:
            ids.append(node.subtree)
    parse_hex_ids(ids)
    if has_lost_bytes(data):
        _mark_lost_bytes(data, nodes)
    return nodes


class _XattrTexts(msgspec.Struct):
    name: msgspec.Raw


class _NodeTexts(msgspec.Struct):
    user: msgspec.Raw = msgspec.Raw(b'""')
    group: msgspec.Raw = msgspec.Raw(b'""')
    linktarget: msgspec.Raw = msgspec.Raw(b'""')
    extended_attributes: list[_XattrTexts] = []


class _TreeTexts(msgspec.Struct):
    nodes: list[_NodeTexts]


def _mark_lost_bytes(data: bytes, nodes: list[Node]) -> None:
    """Read the texts again, telling `\\ufffd` from a genuine U+FFFD.

    Rare: only where something is not UTF-8.  Without it such a tree would not
    come back to the same bytes.
    """
    for node, texts in zip(nodes, decode(data, _TreeTexts).nodes, strict=True):
        node.user = decode_lossy(texts.user)
        node.group = decode_lossy(texts.group)
        node.linktarget = decode_lossy(texts.linktarget)
        if node.linktarget_raw and lossy(target := _text(node.linktarget_raw)) == lossy(
            node.linktarget
        ):
            node.linktarget = target  # no longer lost, and equal to what a live link gives
        node.extended_attributes = [
            Xattr(decode_lossy(text.name), xattr.value)
            for xattr, text in zip(node.extended_attributes, texts.extended_attributes, strict=True)
        ]
