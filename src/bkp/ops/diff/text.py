"""Show how the contents of a file changed, as a unified diff.

Files that look binary, or are larger than is useful to read, are only named.
"""

import difflib
import re
from collections.abc import Iterator

from bkp.errors import BkpError, SourceError
from bkp.events import Problem, Reporter
from bkp.files.reach import lstat
from bkp.files.reading.opening import open_file
from bkp.files.reading.walk import entry_at
from bkp.files.reasons import reason
from bkp.formats.pack import BlobType
from bkp.formats.tree import Node
from bkp.ops.walktree import blobs_of
from bkp.repo.repository import Repository

from .differences import Difference

MAX_TEXT = 2 << 20  # bytes of a file; comparing takes time by the square of its lines at worst
_MAX_LINES = 50_000
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")  # only newlines end lines
_LOOKED_AT = 8000  # bytes at the beginning of a file, as git does


def content_diff(repo: Repository, difference: Difference, report: Reporter) -> Iterator[bytes]:
    """Yield the lines, with their newlines, of the diff of a file that changed.

    Nothing for what has no contents.  What cannot be read is reported.
    """
    before, after = difference.before, difference.after
    if not _has_contents(before) and not _has_contents(after):
        return
    path = difference.path
    try:
        old = _stored(repo, before)
        new = _live(difference) if difference.live else _stored(repo, after)
    except _TooLargeError:
        yield b"Files of " + path + b" differ; they are too large to show how\n"
        return
    except BkpError as error:
        report(Problem("listing", path, f"its contents cannot be read: {error}"))
        return
    if _is_binary(old) or _is_binary(new):
        yield b"Binary files of " + path + b" differ\n"
        return
    yield from _unified(path, None if before is None else old, None if after is None else new)


class _TooLargeError(Exception):
    """A file is larger than is useful to show."""


def _has_contents(node: Node | None) -> bool:
    return node is not None and node.type == "file"


def _stored(repo: Repository, node: Node | None) -> bytes:
    if node is None or node.type != "file":
        return b""
    blobs = blobs_of(node)
    if sum(repo.data_size(blob) for blob in blobs) > MAX_TEXT:
        raise _TooLargeError
    return b"".join(repo.read_blob(BlobType.DATA, blob) for blob in blobs)


def _live(difference: Difference) -> bytes:
    path = difference.live
    if not _has_contents(difference.after):
        return b""
    try:
        status = lstat(path)
    except OSError as error:
        raise SourceError(path, f"cannot be looked at: {reason(error)}") from error
    pieces = []
    size = 0
    with open_file(entry_at(path, status)) as opened:
        while piece := opened.stream.read(1 << 20):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_TEXT:
                raise _TooLargeError
    return b"".join(pieces)


def _is_binary(data: bytes) -> bool:
    return b"\0" in data[:_LOOKED_AT]


def _unified(path: bytes, old: bytes | None, new: bytes | None) -> Iterator[bytes]:
    old_lines = _LINE.findall(old or b"")
    new_lines = _LINE.findall(new or b"")
    if max(len(old_lines), len(new_lines)) > _MAX_LINES:
        yield b"Files of " + path + b" differ; they have too many lines to show how\n"
        return
    lines = difflib.diff_bytes(
        difflib.unified_diff,
        old_lines,
        new_lines,
        b"/dev/null" if old is None else b"a" + path,
        b"/dev/null" if new is None else b"b" + path,
    )
    for line in lines:
        if line.endswith(b"\n"):
            yield line
        else:
            yield line + b"\n\\ No newline at end of file\n"
