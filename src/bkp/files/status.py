"""What the system says of entries, asked for many at once.

From Python each question costs more than the system takes to answer it, and
stops all other threads while it is put; so a whole batch goes in one call.
"""

from typing import Protocol

from bkp._native.files import (
    EMPTY,
    FULL,
    UNREAD,
    Status,
    Statuses,
    list_directories,
    look_at_each,
    read_files,
)

__all__ = [
    "EMPTY",
    "FULL",
    "UNREAD",
    "AnyStatus",
    "Status",
    "Statuses",
    "list_directories",
    "look_at_each",
    "read_files",
]


class AnyStatus(Protocol):
    """What both a Status and an `os.stat_result` tell."""

    @property
    def st_mode(self) -> int: ...  # noqa: D102
    @property
    def st_ino(self) -> int: ...  # noqa: D102
    @property
    def st_dev(self) -> int: ...  # noqa: D102
    @property
    def st_nlink(self) -> int: ...  # noqa: D102
    @property
    def st_uid(self) -> int: ...  # noqa: D102
    @property
    def st_gid(self) -> int: ...  # noqa: D102
    @property
    def st_rdev(self) -> int: ...  # noqa: D102
    @property
    def st_size(self) -> int: ...  # noqa: D102
    @property
    def st_atime_ns(self) -> int: ...  # noqa: D102
    @property
    def st_mtime_ns(self) -> int: ...  # noqa: D102
    @property
    def st_ctime_ns(self) -> int: ...  # noqa: D102
