"""Lists of what to save, as --files-from and its two stricter kin read them."""

import os
from collections.abc import Iterator

from bkp.errors import UsageError
from bkp.events import Notice, Reporter

from .globs import compile_glob, has_meta
from .patterns import clean
from .textfiles import STDIN, decode_text, read_bytes, split_lines, trim


def read_globs(path: bytes, report: Reporter) -> list[bytes]:
    """Return what the patterns in a file fit on disk, one a line.

    White space around a line does not count, empty lines and those that begin
    with `#` are skipped.  A pattern that fits nothing is reported.  Raises
    UsageError if the file cannot be read or a pattern is bad.
    """
    found: list[bytes] = []
    for line in map(trim, _lines(path)):
        if not line or line.startswith(b"#"):
            continue
        fitting = list(_glob(line))
        if not fitting:
            report(Notice(f"pattern {os.fsdecode(line)!r} does not match any files, skipping"))
        found += fitting
    return found


def read_verbatim(path: bytes) -> list[bytes]:
    """Return the lines of a file as they are; only empty ones are skipped.

    Raises UsageError if the file cannot be read.
    """
    return [line for line in _lines(path) if line]


def read_raw(path: bytes) -> list[bytes]:
    """Return names that each end with a zero byte, as `find -print0` writes them.

    Raises UsageError if the file cannot be read, a name is empty or the last
    zero byte is missing.
    """
    names = read_bytes(path).split(b"\0")
    if names.pop():
        raise UsageError(f"{os.fsdecode(path)} ends inside a name: the last zero byte is missing")
    if b"" in names:
        raise UsageError(f"{os.fsdecode(path)} holds an empty file name")
    return names


def _lines(path: bytes) -> list[bytes]:
    data = read_bytes(path)
    return split_lines(data if path == STDIN else decode_text(data, path))


def _glob(pattern: bytes) -> Iterator[bytes]:
    """Give the paths a pattern fits, as Go's filepath.Glob does: hidden ones too, sorted."""
    if not has_meta(pattern):
        if b"\0" not in pattern and os.path.lexists(pattern):
            yield pattern
        return
    above, slash, name = pattern.rpartition(b"/")
    fits = compile_glob(name)
    directory = above or slash or b"."
    for found in _glob(directory) if has_meta(directory) else (directory,):
        try:
            names = sorted(os.listdir(found))
        except (OSError, ValueError):  # as in Go, what cannot be read fits nothing
            continue
        for entry in names:
            if fits.match(entry):
                yield clean(found + b"/" + entry)
