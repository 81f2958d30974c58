"""Write entries to a tar or zip archive on a stream that cannot seek."""

import stat
import struct
import time
import zipfile
from typing import IO, BinaryIO, Protocol

from bkp.files.writing.apply import modified
from bkp.formats.filemode import from_go
from bkp.formats.tree import Node

from . import tarformat

_SECOND = 1_000_000_000

_ZIP_TIME = struct.Struct("<HHBi")
_ZIP_OWNER = struct.Struct("<HHBBIBI")
_ZIP_EARLIEST = (1980, 1, 1, 0, 0, 0)
_MAX_ZIP_TIME = 2**31 - 1
_MAX_ZIP_NAME = 2**16 - 1  # bytes


class Archive(Protocol):
    """An archive being written: entry by entry, the contents piece by piece."""

    knows_links: bool  # else hard links are files of their own

    def refuses(self, path: bytes, node: Node) -> str:
        """Say what is in the way of having such an entry in it; "" for nothing."""

    def omits(self, node: Node) -> str:
        """Say what of such an entry is not going to be in it; "" for nothing it could have."""

    def begin(self, path: bytes, node: Node, size: int, linked: bytes | None) -> None:
        """Begin an entry, whose contents of `size` bytes follow in pieces.

        `linked` is the path of an earlier entry that this one is a hard link
        to; then no contents follow.
        """

    def write(self, data: bytes) -> None:
        """Add to the contents of the entry."""

    def end(self) -> None:
        """End the entry."""

    def finish(self) -> None:
        """Complete the archive."""


class TarArchive:
    """A tar archive, in which everything a snapshot knows has a place."""

    knows_links = True

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._written = 0

    def refuses(self, path: bytes, node: Node) -> str:  # noqa: ARG002
        """Say what is in the way of having such an entry in it."""
        return "" if tarformat.can_hold(node) else _unknown(node)

    def omits(self, node: Node) -> str:
        """Say what of such an entry is not going to be in it."""
        return tarformat.omits(node)

    def begin(self, path: bytes, node: Node, size: int, linked: bytes | None) -> None:
        """Begin an entry."""
        self._stream.write(tarformat.header(path, node, size, linked))
        self._written = 0

    def write(self, data: bytes) -> None:
        """Add to the contents of the entry."""
        self._stream.write(data)
        self._written += len(data)

    def end(self) -> None:
        """End the entry."""
        self._stream.write(tarformat.padding(self._written))

    def finish(self) -> None:
        """Complete the archive."""
        self._stream.write(tarformat.END)


class ZipArchive:
    """A zip archive: files, directories and links, with modes, owners and whole seconds.

    It knows neither devices nor hard links.  Bytes of names that are no UTF-8
    become escapes such as `\\xff`.
    """

    knows_links = False

    def __init__(self, stream: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED)
        self._entry: IO[bytes] | None = None

    def refuses(self, path: bytes, node: Node) -> str:
        """Say what is in the way of having such an entry in it."""
        if node.type not in {"file", "dir", "symlink"}:
            return _unknown(node)
        is_long = len(_zip_name(path, node).encode()) > _MAX_ZIP_NAME
        return "this archive cannot hold so long a path" if is_long else ""

    def omits(self, node: Node) -> str:  # noqa: ARG002
        """Say what of such an entry is not going to be in it."""
        return ""

    def begin(self, path: bytes, node: Node, size: int, linked: bytes | None) -> None:  # noqa: ARG002
        """Begin an entry."""
        info = zipfile.ZipInfo(_zip_name(path, node), _ZIP_EARLIEST)
        info.create_system = 3  # Unix, so that the modes count
        st_mode = from_go(node.mode)
        if node.type == "file":
            st_mode |= stat.S_IFREG
        info.external_attr = (st_mode & 0xFFFF) << 16 | (0x10 if node.type == "dir" else 0)
        info.extra = _extra(node, info)
        info.compress_type = zipfile.ZIP_DEFLATED if node.type == "file" else zipfile.ZIP_STORED
        info.file_size = size
        self._entry = self._zip.open(info, "w")
        if node.type == "symlink":
            self._entry.write(node.target)

    def write(self, data: bytes) -> None:
        """Add to the contents of the entry."""
        if self._entry is not None:
            self._entry.write(data)

    def end(self) -> None:
        """End the entry."""
        if self._entry is not None:
            self._entry.close()
            self._entry = None

    def finish(self) -> None:
        """Complete the archive."""
        self._zip.close()


def _unknown(node: Node) -> str:
    return f"this archive cannot hold a {node.type}"


def _zip_name(path: bytes, node: Node) -> str:
    return path.decode("utf-8", "backslashreplace") + ("/" if node.type == "dir" else "")


def _extra(node: Node, info: zipfile.ZipInfo) -> bytes:
    """Return the extra fields of Info-ZIP: modification time and owner."""
    owner = _ZIP_OWNER.pack(0x7875, 11, 1, 4, node.uid, 4, node.gid)
    seconds = (modified(node) or 0) // _SECOND
    if not -_MAX_ZIP_TIME <= seconds <= _MAX_ZIP_TIME:
        return owner
    info.date_time = max(_ZIP_EARLIEST, _local(seconds))
    return _ZIP_TIME.pack(0x5455, 5, 1, seconds) + owner


def _local(seconds: int) -> tuple[int, int, int, int, int, int]:
    return time.localtime(seconds)[:6]
