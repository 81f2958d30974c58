"""What people and programs read: lines, sizes, JSON; all of it safe for a terminal.

Names from file systems and repositories may hold control characters, which
would let a file name move a cursor or recolour a terminal; they are shown as
escapes.
"""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module

import click

from bkp.times import UTC as ZERO
from bkp.times import format_time

from .options import Settings

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")


def line(text: str) -> None:
    """Print a line to standard output."""
    click.echo(text)


def lines(texts: Iterable[str]) -> None:
    """Print any number of lines, in which there is nothing unsafe, as they come."""
    sys.stdout.writelines(f"{text}\n" for text in texts)


def problem(settings: Settings, during: str, item: str, message: str) -> None:
    """Print, on standard error, what went wrong with one item."""
    if settings.json:
        error = {"message": message}
        _json_error({"message_type": "error", "error": error, "during": during, "item": item})
    else:
        click.echo(f"bkp: {safe(item)}: {safe(message)}", err=True)


def notice(settings: Settings, message: str) -> None:
    """Print a remark on standard error."""
    if not settings.json and not settings.quiet:
        click.echo(f"bkp: {safe(message)}", err=True)


def fail(settings: Settings, code: int, message: str) -> int:
    """Print why the command ends with `code`, and return that."""
    if settings.json:
        _json_error({"message_type": "exit_error", "code": code, "message": message})
    else:
        click.echo(f"bkp: {safe(message)}", err=True)
    return code


def _encode(value: object) -> bytes:
    """Encode as restic does; what does so is imported only for those who ask for JSON."""
    encoded: bytes = import_module("bkp.formats.gojson").encode(value)
    return encoded


def json_line(value: object) -> None:
    """Print one JSON value on a line of its own."""
    click.echo(_encode(value))


def json_lines(values: Iterable[object]) -> None:
    """Print any number of JSON values as they come, each on a line of its own."""
    sys.stdout.flush()
    sys.stdout.buffer.writelines(_encode(value) + b"\n" for value in values)


def json_array(values: Iterable[object]) -> None:
    """Print one JSON array, each of its values as it comes."""
    sys.stdout.flush()
    before = b"["
    for value in values:
        sys.stdout.buffer.write(before + _encode(value))
        before = b","
    sys.stdout.buffer.write(b"]\n" if before == b"," else b"[]\n")


def _json_error(value: Mapping[str, object]) -> None:
    click.echo(_encode(value), err=True)


def path_text(path: bytes) -> str:
    """Return a path as text; bytes that are no UTF-8 survive as surrogates."""
    return os.fsdecode(path)


def safe(text: str) -> str:
    """Return text in which nothing can steer a terminal."""
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def size_text(count: int) -> str:
    """Return a size in bytes as a person reads it: `1.500 MiB`."""
    if count < 1024:
        return f"{count} B"
    size = float(count)
    for unit in _UNITS:
        size /= 1024
        if size < 1024 or unit == _UNITS[-1]:
            break
    return f"{size:.3f} {unit}"


def duration_text(seconds: float) -> str:
    """Return a duration as `m:ss` or `h:mm:ss`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def local_time_text(ns: int) -> str:
    """Return an instant (ns) in local time, to the second; in UTC if no calendar goes so far."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=ns // 1_000_000_000)
        return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except OverflowError:
        return format_time(ns, ZERO)[:19].replace("T", " ")


def is_terminal() -> bool:
    """Say whether a person watches standard error."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
