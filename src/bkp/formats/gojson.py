"""JSON byte for byte as Go's encoding/json writes it, and strict reading of it.

msgspec does the work; what Go does differently is mended here.

- `<`, `>`, `&`, U+2028 and U+2029 are written as escapes.
- A byte that is not UTF-8 is written as the six characters `\\ufffd`.  In a
  Python str such a byte is a lone surrogate, as os.fsdecode makes it.
- Half a surrogate pair, written as an escape, is read as U+FFFD.

Does not know what any of it means.
"""

import re
import threading
from collections.abc import Collection, Mapping
from typing import Annotated, TypeVar

import msgspec

from bkp.errors import Malformed

T = TypeVar("T")

Uint32 = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Uint63 = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Natural = Annotated[int, msgspec.Meta(ge=0)]  # msgspec cannot bound a 64-bit unsigned integer

_ESCAPED = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)
_LONE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd".encode()

# An escape in JSON text; the group catches surrogates that are not the first of a pair.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_LOST = re.compile(rb"\\(?:(ufffd)|.)", re.DOTALL)


def encode(value: object) -> bytes:
    """Return a value as Go's json.Marshal would write it, without a newline.

    Structs, dicts, lists, str, int, bool, None; bytes become base64 and Raw is
    kept but for the escapes.  Raises ValueError if it is nested absurdly deep.
    """
    try:
        data = msgspec.json.encode(value)
    except UnicodeEncodeError:
        data = msgspec.json.encode(_with_raw_strings(_builtins(value)))
    except RecursionError as error:
        raise ValueError("nested too deeply for JSON") from error
    for character, escape in _ESCAPED:
        if character in data:
            data = data.replace(character, escape)
    return data


def string(raw: bytes) -> msgspec.Raw:
    """Return text of unknown encoding as a JSON string for use inside a value."""
    return _raw_string(raw.decode("utf-8", "surrogateescape"))


def _raw_string(text: str) -> msgspec.Raw:
    parts = (msgspec.json.encode(part)[1:-1] for part in _LONE.split(text))
    return msgspec.Raw(b'"' + b"\\ufffd".join(parts) + b'"')


def _builtins(value: object) -> object:
    builtins: object = msgspec.to_builtins(value, builtin_types=(msgspec.Raw,))
    return builtins


def _with_raw_strings(value: object) -> object:
    """Replace every str that is not plain Unicode by the JSON Go makes of it."""
    if isinstance(value, str):
        return _raw_string(value) if _LONE.search(value) else value
    if isinstance(value, list | tuple):
        return [_with_raw_strings(item) for item in value]
    if isinstance(value, dict):
        return {lossy(key): _with_raw_strings(item) for key, item in value.items()}
    return value


def decode(data: bytes, kind: type[T]) -> T:
    """Read one JSON value of a type; keys the type does not have are skipped.

    Raises Malformed for anything else: other types, numbers out of bounds,
    text that is not UTF-8, trailing bytes, absurd nesting.
    """
    try:
        return _decode(data, kind)
    except Malformed:
        if b"\\u" not in data:
            raise
    return _decode(_ESCAPE.sub(lambda m: _REPLACEMENT if m[1] else m[0], data), kind)


_decoders: dict[object, object] = {}
_decoders_lock = threading.Lock()


def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """Return the one decoder of a type.

    Made by one thread at a time: msgspec 0.22 crashes the process if two
    threads meet a type for the first time together, as one then uses what the
    other has only begun to find out about it.
    """
    with _decoders_lock:
        found = _decoders.get(kind)
        if not isinstance(found, msgspec.json.Decoder):
            found = _decoders[kind] = msgspec.json.Decoder(kind)
        return found


def _decode(data: bytes, kind: type[T]) -> T:
    try:
        return _decoder(kind).decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Malformed(f"not the JSON expected: {error}") from error
    except RecursionError as error:
        raise Malformed("not the JSON expected: nested too deeply") from error


def lossy(text: str) -> str:
    """Return text as Go would see it after storing: U+FFFD for a byte that is not UTF-8."""
    return _LONE.sub("\ufffd", text)


def has_lost_bytes(data: bytes) -> bool:
    """Say whether JSON may hold the escape that stands for a byte that was not UTF-8."""
    return b"\\ufffd" in data


def decode_lossy(text: msgspec.Raw) -> str:
    """Read a JSON string, keeping `\\ufffd` apart from a genuine U+FFFD.

    A lost byte becomes the lone surrogate of byte 0xff, so that encoding the
    result gives the same JSON again.
    """
    marked = _LOST.sub(lambda m: b"\x00" if m[1] else m[0], bytes(text))
    parts = (decode(b'"' + part + b'"', str) for part in marked[1:-1].split(b"\x00"))
    return "\udcff".join(parts)


def encode_object(
    known: Mapping[str, object], optional: Collection[str], extra: Mapping[str, object]
) -> bytes:
    """Return an object of known keys and then of extra ones.

    Optional keys are left out if empty or zero, as Go's omitempty does; an
    extra key never takes the place of a known one.
    """
    return encode(with_extra(known, optional, extra))


def with_extra(
    known: Mapping[str, object], optional: Collection[str], extra: Mapping[str, object]
) -> dict[str, object]:
    """Return what `encode_object` encodes."""
    kept = {key: item for key, item in known.items() if item or key not in optional}
    return kept | {key: item for key, item in extra.items() if key not in known}


def unknown_keys(data: bytes, known: Collection[str], *path: str) -> dict[str, object]:
    """Return what a JSON object holds besides the known keys, to be written back.

    `path` leads from the top to an object inside; it must be there.
    """
    value = decode(data, dict[str, object])
    for key in path:
        inner = value[key]
        assert isinstance(inner, dict), "checked when the known keys were read"
        value = inner
    return {key: item for key, item in value.items() if key not in known}
