"""Lists of path patterns, in the language of restic's --exclude and --include.

A pattern is compared component by component, each as Go's filepath.Match
does; `**` as a whole component stands for any number of them.  A pattern that
begins with a slash counts from the root, any other fits anywhere.  What is
below a match matches too.  `!` before a pattern takes back what those before
it matched.

Compiled once, then cheap: whether a directory matches is remembered, so a
walk compares little more than each entry's own name.  Safe to use from
several threads.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from bkp.errors import UsageError

from .globs import Shape, shape, translate

_REMEMBERED = 1 << 14  # directories; about 3 MB of paths
_END = rb"(?=/|\Z)"
_COMPONENT = rb"/[^/]+"
_ANY_DEPTH = b"**"


def clean(path: bytes) -> bytes:
    """Shorten a path as Go's filepath.Clean does, without looking at the disk."""
    cleaned = os.path.normpath(path)
    return cleaned[1:] if cleaned.startswith(b"//") else cleaned  # POSIX lets two slashes differ


@dataclass(frozen=True, slots=True)
class _Pattern:
    is_negated: bool
    is_rooted: bool
    parts: tuple[bytes, ...]


def _parse(pattern: bytes) -> _Pattern:
    is_negated = pattern.startswith(b"!")
    cleaned = clean(pattern[is_negated:])
    parts = cleaned.split(b"/")
    is_rooted = not parts[0]
    # "/" alone leaves an empty part, which restic takes for any number of components.
    parts = [part or _ANY_DEPTH for part in parts[is_rooted:]]
    try:
        for part in parts:
            translate(part)
    except UsageError as error:
        text = pattern.decode("utf-8", "backslashreplace")
        raise UsageError(f"invalid pattern {text!r}: {error}") from None
    return _Pattern(is_negated, is_rooted, tuple(parts))


class PatternList:
    """Patterns, compiled; later ones have the last word.

    Paths are absolute and clean.
    """

    def __init__(self, patterns: Sequence[bytes], *, ignore_case: bool = False) -> None:
        """Compile; empty patterns are skipped.  Raises UsageError if one is bad."""
        self._ignore_case = ignore_case
        parsed = [_parse(pattern) for pattern in patterns if pattern]
        if ignore_case:
            parsed = [_parse(_lower(pattern)) for pattern in patterns if pattern]
        self._groups = [
            (is_negated, _Group(list(group)))
            for is_negated, group in groupby(parsed, key=lambda pattern: pattern.is_negated)
        ]
        self._last_first = self._groups[::-1]

    def __bool__(self) -> bool:
        return bool(self._groups)

    def matches(self, path: bytes) -> bool:
        """Say whether the path, or a directory above it, matches."""
        if self._ignore_case:
            path = _lower(path)
        for is_negated, group in self._last_first:
            if group.matches(path):
                return not is_negated
        return False

    def may_match_below(self, path: bytes) -> bool:
        """Say whether anything below the directory `path` could match."""
        if self._ignore_case:
            path = _lower(path)
        may = False
        for is_negated, group in self._groups:
            if is_negated:
                may = may and not group.matches(path)
            else:
                may = may or group.may_match_below(path)
        return may


class _Group:
    """Patterns of which one is enough, sorted by how cheaply they are compared."""

    def __init__(self, patterns: list[_Pattern]) -> None:
        names: set[bytes] = set()
        paths: set[bytes] = set()
        prefixes: list[bytes] = []
        suffixes: list[bytes] = []
        odd_names: list[bytes] = []
        anchored: list[bytes] = []
        floating: list[bytes] = []
        for pattern in patterns:
            simple = _shape_of_name(pattern)
            if simple is not None:
                if simple.begins_with_star:
                    suffixes.append(simple.literal)
                elif simple.ends_with_star:
                    prefixes.append(simple.literal)
                else:
                    names.add(simple.literal)
            elif (
                not pattern.is_rooted
                and len(pattern.parts) == 1
                and _ANY_DEPTH not in pattern.parts
            ):
                odd_names.append(translate(pattern.parts[0]) + rb"\Z")
            elif (literal := _literal_path(pattern)) is not None:
                paths.add(literal)
            elif pattern.is_rooted:
                anchored.append(_rooted(pattern.parts))
            elif pattern.parts.count(_ANY_DEPTH) > 2:
                anchored.extend(_unrooted_by_depth(pattern.parts))
            else:
                floating.append(_body(pattern.parts, None) + _END)
        self._names = frozenset(names)
        self._paths = frozenset(paths)
        self._prefixes = tuple(prefixes)
        self._suffixes = tuple(suffixes)
        self._has_odd_names = bool(odd_names)
        self._match_name = _any_of(odd_names).match
        self._has_anchored = bool(anchored)
        self._match_path = _any_of(anchored).match
        self._has_floating = bool(floating)
        self._search_path = _any_of(floating).search
        self._is_anywhere = any(not pattern.is_rooted for pattern in patterns)
        self._match_towards = _any_of(map(_towards, [] if self._is_anywhere else patterns)).match
        self._known: dict[bytes, bool] = {b"": False}

    def matches(self, path: bytes) -> bool:
        parent, _, name = path.rpartition(b"/")
        known = self._known.get(parent)
        if known is None:
            known = self._match_directory(parent)
        return known or self._matches_itself(path, name)

    def _match_directory(self, directory: bytes) -> bool:
        """Find out about a directory and those above it, the topmost first."""
        ends = [at for at, byte in enumerate(directory) if byte == 0x2F and at]
        matched = False
        for end in [*ends, len(directory)]:
            path = directory[:end]
            matched = matched or self._matches_itself(path, path.rpartition(b"/")[2])
        if len(self._known) >= _REMEMBERED:
            self._known = {b"": False}
        self._known[directory] = matched
        return matched

    def _matches_itself(self, path: bytes, name: bytes) -> bool:
        return (
            name in self._names
            or path in self._paths
            or name.endswith(self._suffixes)
            or name.startswith(self._prefixes)
            or (self._has_odd_names and self._match_name(name) is not None)
            or (self._has_anchored and self._match_path(path) is not None)
            or (self._has_floating and self._search_path(path) is not None)
        )

    def may_match_below(self, path: bytes) -> bool:
        if self._is_anywhere or path == b"/":
            return True
        return self._match_towards(path) is not None


def _any_of(expressions: Iterable[bytes]) -> re.Pattern[bytes]:
    alternatives = list(expressions)
    return re.compile(rb"(?s)" + b"|".join(alternatives) if alternatives else rb"(?!)")


def _shape_of_name(pattern: _Pattern) -> Shape | None:
    if pattern.is_rooted or len(pattern.parts) > 1 or pattern.parts == (_ANY_DEPTH,):
        return None
    return shape(pattern.parts[0])


def _literal_path(pattern: _Pattern) -> bytes | None:
    """Return the one path a rooted pattern without wildcards matches."""
    literals: list[bytes] = []
    for part in pattern.parts:
        simple = None if part == _ANY_DEPTH else shape(part)
        if simple is None or simple.begins_with_star or simple.ends_with_star:
            return None
        literals.append(simple.literal)
    return b"/" + b"/".join(literals) if pattern.is_rooted else None


def _rooted(parts: tuple[bytes, ...]) -> bytes:
    return _body(parts, 0) + _END


def _unrooted_by_depth(parts: tuple[bytes, ...]) -> Iterator[bytes]:
    """Give one expression for each depth a match may begin at, as far as that matters."""
    enough = parts.count(_ANY_DEPTH) - 1
    for depth in range(1, enough):
        yield rb"(?:%s){%d}" % (_COMPONENT, depth - 1) + _body(parts, depth) + _END
    yield rb"(?:%s){%d,}?" % (_COMPONENT, enough - 1) + _body(parts, None) + _END


def _body(parts: tuple[bytes, ...], depth: int | None) -> bytes:
    """Translate the components of a pattern; a match begins below `depth` others.

    restic tries for each `**` only as many components as leave one for every
    later part, a later `**` included; it is this that depends on the depth,
    and None says that the depth is enough.
    """
    expression: list[bytes] = []
    for at, part in enumerate(parts):
        if part != _ANY_DEPTH:
            expression.append(b"/" + translate(part))
            continue
        if at or depth == 0:  # before anything else in a pattern that fits anywhere it is idle
            expression.append(rb"(?:%s)*?" % _COMPONENT)
        later = parts[at + 1 :]
        if depth is not None and _ANY_DEPTH in later and len(later) > depth:
            expression.append(rb"(?=(?:%s){%d})" % (_COMPONENT, len(later) - depth))
    return b"".join(expression)


def _towards(pattern: _Pattern) -> bytes:
    """Return an expression for the directories above and below what a rooted pattern matches."""
    fixed = pattern.parts
    if _ANY_DEPTH in fixed:
        fixed = fixed[: fixed.index(_ANY_DEPTH)]
    expression = rb""
    for part in reversed(fixed):
        expression = rb"(?:\Z|/" + translate(part) + _END + expression + rb")"
    return expression


def _lower(path: bytes) -> bytes:
    """Return the path in lower case, character by character as Go does it."""
    if path.isascii():
        return path.lower()
    text = path.decode("utf-8", "surrogateescape")
    return "".join(map(_lower_character, text)).encode("utf-8")


def _lower_character(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return "\ufffd"  # a byte that is not UTF-8
    return character.lower()[0]  # only the dotted capital I has a longer one, which begins with i
