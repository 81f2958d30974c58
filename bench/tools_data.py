"""What the tools are compared on: trees made for it, or copies of real ones.

Each is made once and the same in every run, and knows how to change itself:
by 1 % between two snapshots, or into the next of its versions.
"""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools_contents import Noise, Text, sizes_of_directories, sizes_of_small_files

KiB = 1 << 10
MiB = 1 << 20
LARGE_FILES = 8
TOP = 200  # directories in each of the uppermost


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much to make."""

    files: int
    large_bytes: int
    versions: int
    files_of_versions: int
    large_bytes_of_versions: int

    def scaled(self, factor: float) -> "Amounts":
        return Amounts(
            max(int(self.files * factor), 100),
            max(int(self.large_bytes * factor), 16 * MiB),
            self.versions,
            max(int(self.files_of_versions * factor), 100),
            max(int(self.large_bytes_of_versions * factor), 16 * MiB),
        )


FULL = Amounts(100_000, 4096 * MiB, 10, 10_000, 512 * MiB)
QUICK = Amounts(2000, 64 * MiB, 4, 500, 16 * MiB)


@dataclass(frozen=True, slots=True)
class Data:
    """A tree to be saved again and again; `change` makes the next state of it.

    `versions` is how many snapshots in a row are taken and counted as one; 1
    where first, unchanged and changed snapshots are measured apart.
    """

    name: str
    directory: Path
    files: int
    total_bytes: int
    random_share: float
    change: Callable[[int], None]
    versions: int = 1


def make_small(parent: Path, amounts: Amounts) -> Data:
    """Make many small files, nine tenths text."""
    directory = parent / "small"
    _write_small_files(directory, amounts.files, seed=1)
    return _data(directory, 0.1, lambda number: change_files(directory, 0.01, number))


def make_large(parent: Path, amounts: Amounts) -> Data:
    """Make few large files, one half text and one half noise."""
    directory = parent / "large"
    _write_large_files(directory, amounts.large_bytes, LARGE_FILES, seed=2)
    return _data(directory, 0.5, lambda number: overwrite_stretches(directory, 0.01, number))


def make_versions(parent: Path, amounts: Amounts) -> Data:
    """Make a tree that is worked in: small files come, go and change, large ones are edited."""
    directory = parent / "versions"
    _write_small_files(directory / "work", amounts.files_of_versions, seed=3)
    _write_large_files(directory / "databases", amounts.large_bytes_of_versions, 4, seed=4)
    return _data(directory, 0.4, lambda number: work_on(directory, number), amounts.versions)


def copy_trees(parent: Path, trees: list[Path]) -> Data:
    """Copy existing trees, because they are going to be changed."""
    directory = parent / "trees"
    directory.mkdir()
    for number, tree in enumerate(trees):
        command = ("cp", "-a", "--", str(tree), str(directory / f"{number}-{tree.name}"))
        subprocess.run(command, check=True)
    return _data(directory, 0.2, lambda number: change_files(directory, 0.01, number))


def change_files(directory: Path, share: float, number: int) -> None:
    """Append a line to so many of the files."""
    files = files_of(directory)
    for path in random.Random(number).sample(files, max(int(share * len(files)), 1)):
        with open(path, "ab") as stream:
            stream.write(b"changed for the %d. time\n" % number)


def overwrite_stretches(directory: Path, share: float, number: int) -> None:
    """Overwrite so much of each file, in stretches of up to 1 MiB."""
    noise = Noise(1000 + number)
    rng = random.Random(number)
    for path in files_of(directory):
        size = path.stat().st_size
        stretch = min(MiB, int(size * share))
        with open(path, "r+b") as stream:
            for _ in range(int(size * share) // stretch):
                stream.seek(rng.randrange(size - stretch))
                stream.write(noise.take(stretch))


def work_on(directory: Path, number: int) -> None:
    """Change 1 % of the small files, add and remove some, insert a little into the large ones."""
    change_files(directory / "work", 0.01, number)
    rng = random.Random(f"work {number}")
    files = files_of(directory / "work")
    for path in rng.sample(files, len(files) // 500):
        path.unlink()
    text = Text(2000 + number)
    for count in range(len(files) // 500 + 1):
        path = files[rng.randrange(len(files))].parent / f"new-{number}-{count}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.take(rng.randrange(20 * KiB)))
    for path in files_of(directory / "databases"):
        data = bytearray(path.read_bytes())
        for _ in range(5):
            at = rng.randrange(len(data) - 1000)
            data[at : at + rng.choice((0, 500))] = rng.randbytes(500)
        path.write_bytes(data)


def files_of(directory: Path) -> list[Path]:
    """Return the regular files, always in the same order."""
    found = []
    for above, names, files in os.walk(directory):
        names.sort()
        paths = (Path(above, name) for name in sorted(files))
        found += [path for path in paths if path.is_file() and not path.is_symlink()]
    return found


def read_all(directory: Path) -> None:
    """Bring a tree into the page cache."""
    buffer = memoryview(bytearray(MiB))
    for above, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(above, name)
            if os.path.isfile(path):
                with open(path, "rb", buffering=0) as stream:
                    while stream.readinto(buffer):
                        pass


def touch_memory(directory: Path, size: int) -> None:
    """Fill a file of that size and remove it, so that the system has used the memory before.

    A virtual machine gets memory from its host when it is first touched, which
    can take longer than what is done with it: the restore of one tool took
    between 2.3 and 4.4 s of processor time, and with this 2.2 to 2.4.
    """
    path = directory / "touched"
    piece = bytes(MiB)
    with open(path, "wb", buffering=0) as stream:
        for _ in range(size // MiB + 1):
            stream.write(piece)
    path.unlink()


def size_of(path: Path) -> int:
    """Return the bytes in all files of a tree, or of one file."""
    if path.is_file():
        return path.stat().st_size
    return sum(entry.stat().st_size for entry in _entries(path) if entry.is_file())


def require_space(parent: Path, needed: int) -> None:
    free = shutil.disk_usage(parent).free
    if free < needed:
        sys.exit(
            f"{parent} has {free / 1e9:.1f} GB free and {needed / 1e9:.1f} are needed:"
            " use --work, --scale, or fewer --data and --tools at a time"
        )


def _entries(directory: Path) -> Iterator[Path]:
    return (Path(above, name) for above, _, names in os.walk(directory) for name in names)


def _data(
    directory: Path, random_share: float, change: Callable[[int], None], versions: int = 1
) -> Data:
    files = files_of(directory)
    total = sum(path.stat().st_size for path in files)
    return Data(directory.name, directory, len(files), total, random_share, change, versions)


def _write_small_files(directory: Path, count: int, seed: int) -> None:
    text = Text(seed)
    noise = Noise(seed)
    sizes = sizes_of_small_files(count, seed)
    written = 0
    for number, files in enumerate(sizes_of_directories(count, seed)):
        place = directory / f"part-{number // TOP:03}" / f"dir-{number:05}"
        place.mkdir(parents=True)
        for _ in range(files):
            kind, source = (".bin", noise) if written % 10 == 9 else (".txt", text)
            _write(f"{place}/file-{written:06}{kind}", source.take(sizes[written]))
            written += 1


def _write(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(descriptor, data)
    os.close(descriptor)


def _write_large_files(directory: Path, total: int, count: int, seed: int) -> None:
    directory.mkdir(parents=True)
    text = Text(seed)
    noise = Noise(seed)
    for number in range(count):
        source = noise if number % 2 else text
        with open(directory / f"file-{number}", "wb") as stream:
            left = total // count
            while left:
                left -= stream.write(source.take(min(left, 8 * MiB)))
