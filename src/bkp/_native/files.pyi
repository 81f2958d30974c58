"""Types and contract of the files kernel, built from `ext/files`."""

from collections.abc import Sequence

class Status:
    """What `lstat` says of an entry, under the names `os.stat_result` has, and one thing more."""

    @property
    def has_xattrs(self) -> bool:
        """Whether there are extended attributes, or that cannot be told."""
    @property
    def st_mode(self) -> int: ...
    @property
    def st_ino(self) -> int: ...
    @property
    def st_dev(self) -> int: ...
    @property
    def st_nlink(self) -> int: ...
    @property
    def st_uid(self) -> int: ...
    @property
    def st_gid(self) -> int: ...
    @property
    def st_rdev(self) -> int: ...
    @property
    def st_size(self) -> int: ...
    @property
    def st_atime_ns(self) -> int: ...
    @property
    def st_mtime_ns(self) -> int: ...
    @property
    def st_ctime_ns(self) -> int: ...

def look_at_each(directory: bytes, names: list[bytes]) -> list[Status | int]:
    """Return the status of each entry of a directory, or the number of the system's error.

    The directory's path ends in a slash.  Links are not followed.
    """

def read_files(files: Sequence[tuple[bytes, object]]) -> tuple[bytearray, bytes]:
    """Read whole files, given by path and what was seen of them, a Status.

    Returns their contents one behind the other, each with one byte of no
    meaning behind it, and for each file 1 if it was read, or 0 if it cannot
    be or is no longer what was seen: then what lies in its place means
    nothing.
    """
