"""The options by which restore chooses files: restic's, by the same names."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from bkp.files.selection.patternfiles import read_patterns
from bkp.files.selection.patterns import PatternList
from bkp.ops.selection import Selection

_OPTIONS = (
    ("include", "-i", "Only what matches the pattern."),
    ("iinclude", None, "The same, ignoring case."),
    ("include_file", None, "The same, patterns from a file."),
    ("iinclude_file", None, "The same, ignoring case."),
    ("exclude", "-e", "Not what matches the pattern."),
    ("iexclude", None, "The same, ignoring case."),
    ("exclude_file", None, "The same, patterns from a file."),
    ("iexclude_file", None, "The same, ignoring case."),
)


def restore_patterns(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command; it receives one sequence of strings for each."""
    for name, short, text in reversed(_OPTIONS):
        long = f"--{name.replace('_', '-')}"
        metavar = "FILE" if name.endswith("file") else "PATTERN"
        option = click.option(
            *([short] if short else []), long, name, multiple=True, metavar=metavar, help=text
        )
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class _Either:
    """What one of two lists matches: one that minds case, one that does not."""

    exact: PatternList
    folded: PatternList

    def matches(self, path: bytes) -> bool:
        """Say whether one of the lists matches."""
        return self.exact.matches(path) or self.folded.matches(path)

    def may_match_below(self, path: bytes) -> bool:
        """Say whether one of the lists may match something below a directory."""
        return self.exact.may_match_below(path) or self.folded.may_match_below(path)


def patterns_from(values: Mapping[str, Sequence[str]]) -> Selection:
    """Return what the options choose."""
    return Selection(include=_patterns(values, "include"), exclude=_patterns(values, "exclude"))


def _patterns(values: Mapping[str, Sequence[str]], name: str) -> _Either | None:
    exact = _list(values[name], values[f"{name}_file"], ignore_case=False)
    folded = _list(values[f"i{name}"], values[f"i{name}_file"], ignore_case=True)
    return _Either(exact, folded) if exact or folded else None


def _list(given: Sequence[str], files: Sequence[str], *, ignore_case: bool) -> PatternList:
    return PatternList(all_patterns(given, files), ignore_case=ignore_case)


def all_patterns(given: Sequence[str], files: Sequence[str]) -> list[bytes]:
    """Return the patterns given as options and those in files."""
    return [os.fsencode(pattern) for pattern in given] + read_patterns(map(os.fsencode, files))
