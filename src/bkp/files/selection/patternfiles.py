"""Files of patterns, one a line, as --exclude-file and its kin read them."""

import os
import re
from collections.abc import Iterable

from .textfiles import decode_text, read_bytes, split_lines, trim

# What follows a dollar: a name in braces, an unfinished one, a special name, a plain name.
_VARIABLE = re.compile(rb"\$(?:\{([^}]*)\}|(\{)|([*#$@!?0-9-])|([A-Za-z0-9_]+))")


def read_patterns(paths: Iterable[bytes]) -> list[bytes]:
    """Return the patterns of some files, in order.

    White space around a line does not count; empty lines and those that
    begin with `#` are skipped; variables are put in from the environment.
    Raises UsageError if a file cannot be read.
    """
    patterns: list[bytes] = []
    for path in paths:
        lines = map(trim, split_lines(decode_text(read_bytes(path), path)))
        patterns += [_expand(line) for line in lines if line and not line.startswith(b"#")]
    return patterns


def _expand(line: bytes) -> bytes:
    """Put in the value of `$NAME` and `${NAME}`, nothing if unset, and a dollar for `$$`."""
    return _VARIABLE.sub(_value, line)


def _value(match: re.Match[bytes]) -> bytes:
    name = match[1] or match[3] or match[4]
    if name == b"$":
        return b"$"
    return os.environb.get(name, b"") if name else b""
