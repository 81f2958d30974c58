"""Go's filepath.Match for one component of a path, as a regular expression over bytes.

`*` is any run of bytes, `?` one character, `[...]` a class of characters with
ranges and `^`, and a backslash takes the next character literally.  A
character is a UTF-8 sequence, or a single byte where there is none; a class
sees such a byte as U+FFFD.  The expressions do not backtrack into an earlier
`*`: they take time proportional to the component times the pattern at most.

Source: the documentation of Match in Go's path/filepath.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bkp.errors import UsageError

_META = re.compile(rb"[*?\[\\]")

_MULTIBYTE = (
    rb"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}"
    rb"|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
_CHARACTER = rb"(?>" + _MULTIBYTE + rb"|[^/])"
_STRAY_BYTE = rb"(?!" + _MULTIBYTE + rb")[\x80-\xff]"
_REPLACEMENT = 0xFFFD

# Code points in groups of equal encoded length, without the surrogates, which UTF-8 has not.
_LENGTHS = ((0, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF))

_FIRST_CHARACTER = re.compile(rb"(?s)" + _MULTIBYTE + rb"|[\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A stretch of a pattern, after a `*` or at its beginning."""

    after_star: bool
    expression: bytes
    literal: bytes | None  # what it matches, if that is only one thing


def has_meta(pattern: bytes) -> bool:
    """Say whether anything in a pattern has a meaning beyond itself."""
    return _META.search(pattern) is not None


def translate(pattern: bytes) -> bytes:
    """Return an expression for one component, to be followed by one for its end.

    It never matches a slash.  Raises UsageError if Go finds the pattern bad.
    """
    chunks = _parse(pattern)
    parts: list[bytes] = []
    for chunk in chunks:
        if not chunk.after_star:
            parts.append(chunk.expression)
        elif chunk is chunks[-1]:
            parts.append(rb"[^/]*" if not chunk.expression else rb"[^/]*?" + chunk.expression)
        else:  # the leftmost place it fits is kept, as Go does
            parts.append(rb"(?>[^/]*?" + chunk.expression + rb")")
    return b"".join(parts)


def compile_glob(pattern: bytes) -> re.Pattern[bytes]:
    """Return an expression whose `match` says whether a name matches, the whole of it."""
    return re.compile(rb"(?s)" + translate(pattern) + rb"\Z")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a pattern comes to if it is a literal with at most one `*`, at an end."""

    begins_with_star: bool
    literal: bytes
    ends_with_star: bool


def shape(pattern: bytes) -> Shape | None:
    """Return the shape of a simple pattern, None for others.

    Raises UsageError if Go finds the pattern bad.
    """
    match _parse(pattern):
        case [_Chunk(False, _, bytes(literal))]:
            return Shape(False, literal, False)
        case [_Chunk(False, _, b""), _Chunk(True, _, bytes(literal))]:
            return Shape(True, literal, False)
        case [_Chunk(False, _, bytes(literal)), _Chunk(True, _, b"")]:
            return Shape(False, literal, True)
    return None


def _parse(pattern: bytes) -> list[_Chunk]:
    """Split a pattern at its stars; the first chunk is what comes before any."""
    chunks: list[_Chunk] = []
    after_star = False
    expressions: list[bytes] = []
    literal: bytes | None = b""
    at = 0
    while at < len(pattern):
        match pattern[at : at + 1]:
            case b"*":
                chunks.append(_Chunk(after_star, b"".join(expressions), literal))
                after_star, expressions, literal = True, [], b""
                while pattern[at : at + 1] == b"*":
                    at += 1
                continue
            case b"?":
                expressions.append(_CHARACTER)
                literal = None
                at += 1
            case b"[":
                expression, at = _class(pattern, at + 1)
                expressions.append(expression)
                literal = None
            case character:
                if character == b"\\":
                    at += 1
                    character = pattern[at : at + 1]
                    if not character:
                        raise _bad(pattern, "ends with a backslash")
                expressions.append(re.escape(character))
                literal = None if literal is None else literal + character
                at += 1
    chunks.append(_Chunk(after_star, b"".join(expressions), literal))
    return chunks


def _class(pattern: bytes, at: int) -> tuple[bytes, int]:
    """Translate a class whose `[` was before `at`; return where it has ended."""
    is_negated = pattern[at : at + 1] == b"^"
    at += is_negated
    ranges: list[tuple[int, int]] = []
    while not (ranges and pattern[at : at + 1] == b"]"):
        low, at = _code_point(pattern, at)
        high = low
        if pattern[at : at + 1] == b"-":
            high, at = _code_point(pattern, at + 1)
        ranges.append((low, high))
    members = rb"(?:" + b"|".join(_members(ranges)) + rb")"
    return (rb"(?!" + members + rb")" + _CHARACTER if is_negated else members), at + 1


def _code_point(pattern: bytes, at: int) -> tuple[int, int]:
    """Read a character of a class, which must not be the last of the pattern."""
    if pattern[at : at + 1] in {b"", b"-", b"]"}:
        raise _bad(pattern, "has a class without an end or a range without two")
    at += pattern[at : at + 1] == b"\\"
    character = _FIRST_CHARACTER.match(pattern, at)
    if character is None or character.end() == len(pattern):
        raise _bad(pattern, "has a class without an end or with bytes that are not UTF-8")
    return ord(character[0].decode("utf-8")), character.end()


def _members(ranges: list[tuple[int, int]]) -> Iterator[bytes]:
    """Give expressions that together match the characters in any of the ranges."""
    nothing = True
    for low, high in ranges:
        for first, last in _LENGTHS:
            begin, end = max(low, first), min(high, last)
            if begin <= end:
                nothing = False
                yield from _sequences(chr(begin).encode(), chr(end).encode())
        if low <= _REPLACEMENT <= high:
            yield _STRAY_BYTE
    if nothing:
        yield rb"(?!)"  # only ranges that end before they begin


def _sequences(low: bytes, high: bytes) -> Iterator[bytes]:
    """Give expressions for the byte strings from `low` to `high`, which are equally long."""
    rest = len(low) - 1
    if not rest:
        yield _byte_range(low[0], high[0])
        return
    first, last = low[0], high[0]
    if first == last:
        for tail in _sequences(low[1:], high[1:]):
            yield _byte_range(first, first) + tail
        return
    if low[1:] != b"\x80" * rest:
        for tail in _sequences(low[1:], b"\xbf" * rest):
            yield _byte_range(first, first) + tail
        first += 1
    if high[1:] != b"\xbf" * rest:
        for tail in _sequences(b"\x80" * rest, high[1:]):
            yield _byte_range(last, last) + tail
        last -= 1
    if first <= last:
        yield _byte_range(first, last) + rb"[\x80-\xbf]" * rest


def _byte_range(first: int, last: int) -> bytes:
    return (
        rb"(?!/)[\x%02x-\x%02x]" % (first, last)
        if first <= 0x2F <= last
        else (rb"[\x%02x-\x%02x]" % (first, last))
    )


def _bad(pattern: bytes, why: str) -> UsageError:
    text = pattern.decode("utf-8", "backslashreplace")
    return UsageError(f"bad pattern {text!r}: it {why}")
