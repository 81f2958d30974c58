"""Types and contract of the files kernel, built from `ext/files`."""

from collections.abc import Iterator

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

class Statuses:
    """What was seen of many entries: each a Status, or the number of the system's error.

    A buffer that the nodes kernel understands.
    """

    letters: bytes
    """For each `f` if it is a regular file, `d` a directory, `o` another, `!` an error."""

    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __len__(self) -> int: ...
    def __getitem__(self, row: int, /) -> Status | int: ...
    def __iter__(self) -> Iterator[Status | int]: ...
    def are_on(self, device: int) -> bool:
        """Say whether all, but for errors, are on one file system."""

    def total_size(self, begin: int, end: int) -> int:
        """Return the bytes of some files together; IndexError if not all are there."""

    def fitting(self, begin: int, end: int, cost: int, budget: int) -> int:
        """Return where files from `begin` on have used up a budget, each its size and a cost."""

def list_directories(
    paths: list[bytes], most: int
) -> list[tuple[Status, list[bytes], Statuses] | int]:
    """Return for each directory its status, the sorted names in it, and what its entries are.

    Or the number of the system's error.  At most `most` entries in all are
    looked at, the first of the first directories.  Paths end in a slash; a
    symbolic link is not followed for all that.  Access times are left alone
    where the system allows it.
    """

def look_at_each(directory: bytes, names: list[bytes]) -> Statuses:
    """Return what is seen of each entry of a directory, whose path ends in a slash.

    Links are not followed.
    """

UNREAD: int
EMPTY: int
FULL: int

def read_files(
    runs: list[tuple[bytes, list[bytes], Statuses, int, int]],
) -> tuple[bytearray, bytes, list[tuple[int, int]]]:
    """Read whole files, given as directory, names in it, what was seen, and which from and to.

    Returns their contents one behind the other, each with one byte of no
    meaning behind it; for each file whether it is EMPTY, FULL, or UNREAD since
    it cannot be read or is no longer what was seen: then what lies in its
    place means nothing; and where those lie, by offset and length, that are full.
    """
