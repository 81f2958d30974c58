"""Small text files the user points at, as lines of bytes.

They may begin with a byte order mark, and be UTF-16 if that says so; the
lines are UTF-8 then.  Otherwise bytes stay as they are.
"""

import codecs
import os
import sys

from bkp.errors import UsageError
from bkp.files.reasons import reason

STDIN = b"-"

# What Go's strings.TrimSpace takes for white space; str.strip has some more.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


def read_bytes(path: bytes) -> bytes:
    """Return what is in a file, or what comes in on standard input for `-`.

    Raises UsageError if it cannot be read.
    """
    try:
        if path == STDIN:
            return sys.stdin.buffer.read()
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"cannot read {os.fsdecode(path)}: {reason(error)}") from error


def decode_text(data: bytes, path: bytes) -> bytes:
    """Return the contents of a text file without its byte order mark, as UTF-8.

    Raises UsageError if it is marked as UTF-16 and is not.
    """
    if data.startswith(codecs.BOM_UTF8):
        return data[len(codecs.BOM_UTF8) :]
    if not data.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)):
        return data
    try:
        return data.decode("utf-16").encode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {os.fsdecode(path)}: it is not UTF-16") from error


def split_lines(data: bytes) -> list[bytes]:
    """Split into lines, without their ends: a newline, or a carriage return and one."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix(b"\r") for line in lines]


def trim(line: bytes) -> bytes:
    """Remove white space at both ends; Unicode's as well."""
    return line.decode("utf-8", "surrogateescape").strip(_SPACE).encode("utf-8", "surrogateescape")
