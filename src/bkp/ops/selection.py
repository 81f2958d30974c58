"""Which entries of a tree are meant: by patterns over their paths."""

from dataclasses import dataclass
from typing import Protocol


class Patterns(Protocol):
    """A list of patterns over paths that begin with a slash."""

    def matches(self, path: bytes) -> bool:
        """Say whether a path is one of those meant, or below one."""

    def may_match_below(self, path: bytes) -> bool:
        """Say whether something below a directory may be one of those meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The entries that are meant: all, or what `include` matches, but not what `exclude` does."""

    include: Patterns | None = None
    exclude: Patterns | None = None

    def covers(self, path: bytes) -> bool:
        """Say whether the entry at `path` is meant."""
        return not self._is_excluded(path) and (self.include is None or self.include.matches(path))

    def may_cover_below(self, path: bytes) -> bool:
        """Say whether an entry below the directory at `path` may be."""
        return not self._is_excluded(path) and (
            self.include is None or self.include.matches(path) or self.include.may_match_below(path)
        )

    @property
    def is_everything(self) -> bool:
        """Whether no entry is left out."""
        return self.include is None and self.exclude is None

    def _is_excluded(self, path: bytes) -> bool:
        return self.exclude is not None and self.exclude.matches(path)


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Exactly:
    """The pattern that means one path and what is below it."""

    path: bytes

    def matches(self, path: bytes) -> bool:
        """Say whether a path is that, or below it."""
        return path == self.path or path.startswith(self.path + b"/")

    def may_match_below(self, path: bytes) -> bool:
        """Say whether the path is below a directory."""
        return self.path.startswith(path.rstrip(b"/") + b"/")
