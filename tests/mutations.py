"""Valid encodings, changed: what random bytes would never become.

`mangled_json` changes what a document says, value by value: another type, a
number at the edge of some integer, keys twice, nesting without end, text that
is no text.  `mangled` changes bytes, and knows nothing of what they mean.
Both start from something valid, so that what is behind the first check is met.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from hypothesis import strategies as st

# ---- JSON as what is written, so that what no value stands for can be written too ----


@dataclass
class Text:
    """A value that is written as these bytes, whatever they are."""

    written: bytes


@dataclass
class List:
    """An array; positions of `items` are its slots."""

    items: "list[Value]"

    @property
    def slots(self) -> "list[Slot]":
        return [(self, number) for number in range(len(self.items))]


@dataclass
class Object:
    """An object; `items` alternate between keys and values, a key may come twice."""

    items: "list[Value]"

    @property
    def slots(self) -> "list[Slot]":
        return [(self, number) for number in range(1, len(self.items), 2)]


Value = Text | List | Object
Slot = tuple[List | Object, int]  # where a value is


def parsed(document: bytes) -> Value:
    """Read valid JSON."""
    return _value(json.loads(document, object_pairs_hook=_Pairs))


class _Pairs(list[tuple[str, object]]):
    """The members of an object."""


def _value(read: object) -> Value:
    if isinstance(read, _Pairs):
        return Object([_value(part) for pair in read for part in pair])
    if isinstance(read, list):
        return List([_value(item) for item in read])
    return Text(json.dumps(read, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def written(value: Value) -> bytes:
    """Write a value, which may be no JSON any more."""
    if isinstance(value, Text):
        return value.written
    parts = [written(item) for item in value.items]
    if isinstance(value, List):
        return b"[" + b",".join(parts) + b"]"
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return b"{" + b",".join(b"%s:%s" % pair for pair in pairs) + b"}"


def slots_of(value: Value) -> Iterator[Slot]:
    """Yield where in a document there are values, keys not being any."""
    if not isinstance(value, Text):
        for slot in value.slots:
            yield slot
            yield from slots_of(slot[0].items[slot[1]])


# ---- what is put in the place of values ----

_EDGES = [2**bits for bits in (7, 8, 15, 16, 31, 32, 53, 63, 64, 128)]
_NUMBERS = [
    *(b"%d" % (sign * (edge - less)) for edge in _EDGES for less in (0, 1) for sign in (1, -1)),
    *b"-1 0 -0 1 31 32 33 1.0 1e0 1E+2 0.1 1e400 -1e400 1e-400 01 +1 .5 1. NaN -Infinity".split(),
    b"9" * 400,
    b"9" * 5000,
]
_HEX = b"0123456789abcdef" * 4
_TEXTS = [
    *(b"", b"1", b"null", b"..", b"a/b", b"x" * 20_000),
    # Escapes of JSON: zero, halves of pairs in both orders, a pair, what stands for lost bytes.
    *(rb"\u0000", rb"\ud800", rb"\udc00\ud800", rb"\ud83d\ude00", rb"\ufffd\\ufffd\ud83d\ufffd"),
    *(rb"\q", rb"\u12", rb"\ufffd" * 3000, rb"\\" * 3000),
    # Escapes of quoted names.
    *(rb"\\x00", rb"\\377\\xff\\u00e4", rb"\\ud800", rb"\\400", rb"\\"),
    # What is not UTF-8, or not allowed in a string as it is.
    *(b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"a\0b", b"\n"),
    # Base64 and ids, and what looks like them.
    *(b"AA==", b"AA", b"A===", _HEX, _HEX.upper(), _HEX[1:], _HEX[1:] + b" "),
    "\uff10".encode() * 64,
    # Times at the ends of what they can be, and beyond.
    *(b"0000-01-01T00:00:00+99:59", b"9999-12-31T23:59:60Z", b"2026-02-29T00:00:00Z"),
    b"2026-01-01T00:00:00.%sZ" % (b"9" * 2000),
]
_STRINGS = [b'"%s"' % text for text in _TEXTS] + [b'"open']
_OTHERS = b'null true false [] {} [[]] [null] {"":0} [{}] nul {"a"} [1,] , '.split(b" ")
_literals = st.sampled_from(_NUMBERS) | st.sampled_from(_STRINGS) | st.sampled_from(_OTHERS)

_DEPTHS = (1, 2, 100, 1000, 100_000)
_MANY = 2000  # times that an item is repeated, to see what it takes

_KEYS = [b'""', b'"id"', b'"extra"', b'"a\\u0000"', b'"\\ud800"', b'"\xff"', b"1", b"null"]


@st.composite
def mangled_json(draw: st.DrawFn, documents: st.SearchStrategy[bytes]) -> bytes:
    """Return a document with up to three of its values changed, and sometimes bytes as well."""
    root = List([parsed(draw(documents))])
    for _ in range(draw(st.integers(1, 3))):
        slots = list(slots_of(root))
        if not slots:
            break
        holder, at = _one(draw, slots)
        change = draw(st.sampled_from(_CHANGES))
        change(draw, slots, holder, at)
    data = b"".join(map(written, root.items[:1]))
    data = draw(st.sampled_from([b""] * 20 + [b"\xef\xbb\xbf", b" ", b"\0"])) + data
    return draw(mangled(st.just(data))) if draw(st.integers(0, 3)) == 0 else data


def _replace(draw: st.DrawFn, _: list[Slot], holder: List | Object, at: int) -> None:
    holder.items[at] = Text(draw(_literals))


def _copy(draw: st.DrawFn, slots: list[Slot], holder: List | Object, at: int) -> None:
    """Put what is elsewhere in the document, maybe even what the place is in."""
    other, there = _one(draw, slots)
    holder.items[at] = Text(written(other.items[there]))


def _leave_out(_: st.DrawFn, __: list[Slot], holder: List | Object, at: int) -> None:
    del holder.items[_first(holder, at) : at + 1]


def _repeat(draw: st.DrawFn, _: list[Slot], holder: List | Object, at: int) -> None:
    item = holder.items[_first(holder, at) : at + 1]
    times = _MANY if draw(st.integers(0, 9)) == 0 else 1
    holder.items[at + 1 : at + 1] = item * times


def _say_otherwise_too(draw: st.DrawFn, _: list[Slot], holder: List | Object, at: int) -> None:
    """Let the key come twice, with different values, or the item have a neighbour."""
    item = holder.items[_first(holder, at) : at + 1]
    other = [*item[:-1], Text(draw(_literals))]
    where = draw(st.sampled_from([_first(holder, at), at + 1]))
    holder.items[where:where] = other


def _rename(draw: st.DrawFn, slots: list[Slot], holder: List | Object, at: int) -> None:
    keys = [other.items[there - 1] for other, there in slots if isinstance(other, Object)]
    if isinstance(holder, Object):
        new = st.sampled_from(_KEYS).map(Text)
        holder.items[at - 1] = draw(new | st.sampled_from(keys))


def _nest(draw: st.DrawFn, _: list[Slot], holder: List | Object, at: int) -> None:
    begin, end = draw(st.sampled_from([(b"[", b"]"), (b'{"a":', b"}"), (b"[", b"")]))
    depth = draw(st.sampled_from(_DEPTHS))
    holder.items[at] = Text(begin * depth + written(holder.items[at]) + end * depth)


def _add(draw: st.DrawFn, _: list[Slot], holder: List | Object, at: int) -> None:
    """Add what nobody knows: members to objects, items to lists."""
    inner = holder.items[at]
    literal = draw(_literals)
    many = _MANY if draw(st.integers(0, 9)) == 0 else 1
    if isinstance(inner, Object):
        inner.items += [Text(draw(st.sampled_from(_KEYS))), Text(literal)] * many
    elif isinstance(inner, List):
        inner.items += [Text(literal)] * many


_CHANGES: list[Callable[[st.DrawFn, list[Slot], List | Object, int], None]] = [
    _replace,
    _replace,
    _replace,
    _copy,
    _leave_out,
    _repeat,
    _say_otherwise_too,
    _rename,
    _nest,
    _add,
]


def _one(draw: st.DrawFn, slots: list[Slot]) -> Slot:
    return slots[draw(st.integers(0, len(slots) - 1))]


def _first(holder: List | Object, at: int) -> int:
    """Return where what belongs to a slot begins: with its key, if there is one."""
    return at - 1 if isinstance(holder, Object) else at


# ---- bytes ----

_PIECES = [
    *(bytes((byte,)) for byte in b'\x00\x01\x02\x03\x7f\x80\xff"\\{}[]:,0-. \n'),
    *(edge.to_bytes(4, "little") for edge in (0, 31, 2**31 - 1, 2**31, 2**32 - 1)),
    *(edge.to_bytes(8, "little") for edge in (2**32, 2**63, 2**64 - 1)),
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\\ufffd",
]


@st.composite
def mangled(draw: st.DrawFn, valid: st.SearchStrategy[bytes]) -> bytes:
    """Return bytes with some flipped, left out, said twice, replaced, or taken from another."""
    data = draw(valid)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.sampled_from([0, 1, 1, 4, 8, 37, 80])))
        cut = draw(st.sampled_from(_CUTS))
        data = data[:start] + cut(draw, data[start:stop], valid) + data[stop:]
    return data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 9)) == 0 else data


def _flip(draw: st.DrawFn, span: bytes, _: object) -> bytes:
    if not span:
        return span
    return bytes((span[0] ^ 1 << draw(st.integers(0, 7)),)) + span[1:]


def _drop(_: st.DrawFn, __: bytes, ___: object) -> bytes:
    return b""


def _multiply(draw: st.DrawFn, span: bytes, _: object) -> bytes:
    return span * draw(st.sampled_from([2, 2, 2, 500]))


def _insert(draw: st.DrawFn, span: bytes, _: object, *, instead: bool) -> bytes:
    piece = draw(st.sampled_from(_PIECES))
    return piece if instead else piece + span


def _splice(draw: st.DrawFn, span: bytes, valid: st.SearchStrategy[bytes]) -> bytes:
    other = draw(valid)
    start = draw(st.integers(0, len(other)))
    return other[start : start + 100] + span


_CUTS: list[Callable[[st.DrawFn, bytes, st.SearchStrategy[bytes]], bytes]] = [
    _flip,
    _flip,
    _drop,
    _multiply,
    partial(_insert, instead=True),
    partial(_insert, instead=False),
    _splice,
]
