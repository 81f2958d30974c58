"""What not to save, and how that is decided for each entry of a walk.

Targets the user named are never excluded, though what is in them may be.  A
directory that is excluded is not entered.
"""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass

from bkp.errors import UsageError
from bkp.events import Notice, Reporter, ignore
from bkp.files.reach import lstat, open_quietly
from bkp.files.reasons import reason
from bkp.files.status import AnyStatus

from .patterns import PatternList

# https://bford.info/cachedir/
CACHE_TAG = b"CACHEDIR.TAG"
CACHE_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludeOptions:
    """The user's wishes; sizes in bytes, paths absolute."""

    patterns: tuple[bytes, ...] = ()
    patterns_ignoring_case: tuple[bytes, ...] = ()
    if_present: tuple[bytes, ...] = ()  # name of a file, or name:what it begins with
    caches: bool = False  # directories marked as caches, see CACHE_TAG
    larger_than: int | None = None
    one_file_system: bool = False
    directories: tuple[bytes, ...] = ()  # our own: a cache, say


@dataclass(frozen=True, slots=True)
class Tag:
    """A file whose presence excludes everything beside it."""

    name: bytes
    header: bytes = b""

    @classmethod
    def parse(cls, text: bytes) -> "Tag":
        """Read `name` or `name:header`.  Raises UsageError if there is no name."""
        name, _, header = text.partition(b":")
        if not name:
            raise UsageError("the file whose presence excludes a directory needs a name")
        return cls(name, header)


class Excludes:
    """Decides; may be used by several walks at once."""

    def __init__(self, options: ExcludeOptions | None = None) -> None:
        """Compile the options, by default to exclude nothing.  Raises UsageError if one is bad."""
        options = options or ExcludeOptions()
        self.one_file_system = options.one_file_system
        self._patterns = [
            patterns
            for patterns in (
                PatternList(options.patterns),
                PatternList(options.patterns_ignoring_case, ignore_case=True),
            )
            if patterns
        ]
        self._directories = tuple(directory + b"/" for directory in options.directories)
        self._tags = [Tag.parse(text) for text in options.if_present]
        if options.caches:
            self._tags.append(Tag(CACHE_TAG, CACHE_SIGNATURE))
        self._larger_than = options.larger_than

    def may_exclude_in(self, directory: bytes) -> bool:
        """Say whether `excludes_name` needs to be asked there; the path ends in a slash."""
        if self._patterns:
            return True
        return any(
            own.startswith(directory) or directory.startswith(own) for own in self._directories
        )

    def excludes_name(self, path: bytes) -> bool:
        """Say whether an absolute path is excluded, whatever is there."""
        if self._directories and (path + b"/").startswith(self._directories):
            return True
        for patterns in self._patterns:  # noqa: SIM110 - any() takes twice as long
            if patterns.matches(path):
                return True
        return False

    @property
    def limits_sizes(self) -> bool:
        """Whether `excludes_entry` needs to be asked."""
        return self._larger_than is not None

    def excludes_entry(self, status: AnyStatus) -> bool:
        """Say whether something is excluded for what it is: too large a file."""
        limit = self._larger_than
        return limit is not None and status.st_size > limit and not stat.S_ISDIR(status.st_mode)

    def keeps_of(
        self, directory: bytes, names: Sequence[bytes], report: Reporter = ignore
    ) -> Sequence[bytes]:
        """Return those of some names in a directory that a tag there does not exclude.

        A tag excludes all but itself.  One that cannot be read is reported
        and excludes nothing.
        """
        valid = {tag.name for tag in self._tags if _is_valid(tag, directory, report)}
        if not valid:
            return names
        return [name for name in names if valid == {name}]


def _is_valid(tag: Tag, directory: bytes, report: Reporter) -> bool:
    path = directory + b"/" + tag.name
    try:
        if not tag.header:
            lstat(path)
            return True
        fd = open_quietly(path, 0)
    except FileNotFoundError:
        return False
    except OSError as error:
        report(Notice(f"cannot open {os.fsdecode(path)}, excluding nothing: {reason(error)}"))
        return False
    try:
        begin = os.read(fd, len(tag.header))
    except OSError as error:
        report(Notice(f"cannot read {os.fsdecode(path)}, excluding nothing: {reason(error)}"))
        return False
    finally:
        os.close(fd)
    if begin != tag.header:
        report(Notice(f"{os.fsdecode(path)} does not begin as it must, excluding nothing"))
    return begin == tag.header
