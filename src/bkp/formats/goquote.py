"""Names in trees: any bytes, as Go's strconv.Quote writes them between the quotes.

Printable UTF-8 stays, everything else becomes a backslash escape; so a name
survives JSON whatever its bytes are, and two tools agree about how it looks.
"""

import re
from functools import cache

from bkp.errors import Malformed

from .isprint import printable

_PLAIN = re.compile(rb"[ !#-\[\]-~]*")

_SHORT = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}
_SHORT_BYTES = {escape[1].encode(): character.encode() for character, escape in _SHORT.items()}

_ESCAPE_FORMS = (
    rb'[abfnrtv\\"]',
    rb"x[0-9a-fA-F]{2}",
    rb"u[0-9a-fA-F]{4}",
    rb"U[0-9a-fA-F]{8}",
    rb"[0-3][0-7]{2}",
)
_ESCAPE = re.compile(rb"\\(?:" + b"|".join(_ESCAPE_FORMS) + b")")
# Unrolled, so that matching takes linear time whatever the text.
_QUOTED = re.compile(rb'[^"\\\n]*(?:' + _ESCAPE.pattern + rb'[^"\\\n]*)*')


def quote(name: bytes) -> str:
    """Return a name in quoted form, without quotation marks around it."""
    if _PLAIN.fullmatch(name):
        return name.decode("ascii")
    # Bytes that are not UTF-8 become U+DC80 to U+DCFF, which are not printable.
    return _special().sub(_escape, name.decode("utf-8", "surrogateescape"))


@cache
def _special() -> re.Pattern[str]:
    """Return what finds what is to be escaped; most runs meet no name that needs it."""
    ranges = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in printable())
    return re.compile(f'["\\\\]|[^{ranges}]')


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def unquote(text: str) -> bytes:
    """Return the name a quoted form stands for.

    Accepts what Go's strconv.Unquote accepts between double quotes, which is
    more than `quote` writes.  Raises Malformed for anything else.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise Malformed(f"not a quoted name: {text[:80]!a}") from error
    if _PLAIN.fullmatch(data):
        return data
    if not _QUOTED.fullmatch(data):
        raise Malformed(f"not a quoted name: {text[:80]!a}")
    return _ESCAPE.sub(_unescape, data)


def _unescape(match: re.Match[bytes]) -> bytes:
    kind, digits = match[0][1:2], match[0][2:]
    if kind in _SHORT_BYTES:
        return _SHORT_BYTES[kind]
    if kind == b"x":
        return bytes((int(digits, 16),))
    if kind not in b"uU":
        return bytes((int(kind + digits, 8),))
    code = int(digits, 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise Malformed(f"not a character in a quoted name: {code:#x}")
    return chr(code).encode()
