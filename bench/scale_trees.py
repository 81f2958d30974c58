"""Trees that cost little to make and have much to count.

Every file has its own number as its contents, so each is one more blob.  That
is the cheapest honest million: empty files have no blobs, sparse ones share
theirs, and hard links are one inode, which tools remember to restore as such.
"""

import os
from pathlib import Path

FILES_IN_DIRECTORY = 100


def grow(directory: Path, have: int, want: int) -> None:
    """Add files to a tree that has so many, until it has as many as wanted."""
    for number in range(have, want):
        place = f"{directory}/{number // 100_000:03}/{number // FILES_IN_DIRECTORY:05}"
        if number % FILES_IN_DIRECTORY == 0 or number == have:
            os.makedirs(place, exist_ok=True)
        write(f"{place}/{number:07}", f"file {number}\n".encode())


def write(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(descriptor, data)
    os.close(descriptor)
