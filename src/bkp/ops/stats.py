"""How much is stored: the four ways restic counts it.

restore-size counts every entry and what restoring would write, hard links
once; files-by-contents counts files of equal contents once, wherever they
are; blobs-per-file counts, for those, each blob once per path; raw-data
counts each blob once, as it lies in the packs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

from bkp.errors import IntegrityError
from bkp.events import Problem, Reporter, ignore
from bkp.formats.pack import BlobType
from bkp.formats.tree import Node
from bkp.ids import BlobId
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot

from .walktree import Found, blobs_of, subtree_of, walk


class Mode(Enum):
    """What is counted."""

    RESTORE_SIZE = "restore-size"
    FILES_BY_CONTENTS = "files-by-contents"
    BLOBS_PER_FILE = "blobs-per-file"
    RAW_DATA = "raw-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Counts over some snapshots; sizes in bytes.

    Blobs are counted by blobs-per-file and raw-data, `plain_size` (before
    compression) and `compressed_size` (that of compressed blobs only, before
    compression) by raw-data alone.
    """

    mode: Mode
    snapshots: int
    size: int = 0
    files: int = 0
    blobs: int = 0
    plain_size: int = 0
    compressed_size: int = 0


def count(
    repo: Repository,
    snapshots: Iterable[SavedSnapshot],
    mode: Mode = Mode.RESTORE_SIZE,
    report: Reporter = ignore,
) -> Stats:
    """Count what the snapshots hold; what cannot be read is reported and not counted."""
    chosen = list(snapshots)
    match mode:
        case Mode.RESTORE_SIZE:
            return _count_entries(repo, chosen, report)
        case Mode.RAW_DATA:
            return _count_blobs(repo, chosen, report)
        case _:
            return _count_contents(repo, chosen, mode, report)


def _count_entries(repo: Repository, chosen: list[SavedSnapshot], report: Reporter) -> Stats:
    size = files = 0
    for saved in chosen:
        linked: set[tuple[int, int]] = set()
        for _, node in walk(repo, saved.snapshot.tree, report):
            files += 1
            if node.links > 1 and node.type == "file" and node.inode:
                if (node.device_id, node.inode) in linked:
                    continue
                linked.add((node.device_id, node.inode))
            size += node.size
    return Stats(mode=Mode.RESTORE_SIZE, snapshots=len(chosen), size=size, files=files)


def _count_contents(
    repo: Repository, chosen: list[SavedSnapshot], mode: Mode, report: Reporter
) -> Stats:
    counter = _Contents(repo, mode, report)
    used: set[tuple[BlobType, BlobId]] = set()  # a tree seen again has no new contents

    def enters(found: Found) -> bool:
        return _is_first(found.node, used)

    for saved in chosen:
        for found in walk(repo, saved.snapshot.tree, report, enters=enters):
            counter.take(found)
    return Stats(
        mode=mode,
        snapshots=len(chosen),
        size=counter.size,
        files=counter.files,
        blobs=counter.blobs,
    )


class _Contents:
    """Counts contents once each."""

    def __init__(self, repo: Repository, mode: Mode, report: Reporter) -> None:
        self._repo = repo
        self._by_path = mode is Mode.BLOBS_PER_FILE
        self._report = report
        self._seen: set[bytes] = set()
        self._paths: dict[bytes, set[str]] = {}
        self.size = 0
        self.files = 0
        self.blobs = 0

    def take(self, found: Found) -> None:
        # As restic: everything without contents, directories too, counts as one empty file.
        contents = sha256("".join(found.node.content or ()).encode()).digest()
        if contents in self._seen:
            return
        self._seen.add(contents)
        if self._by_path:
            self._take_blobs(found)
        else:
            self.size += found.node.size
            self.files += 1

    def _take_blobs(self, found: Found) -> None:
        for name in found.node.content or ():
            if found.path not in self._paths:
                self._paths[found.path] = set()
                self.files += 1
            if name in self._paths[found.path]:
                continue
            self._paths[found.path].add(name)
            try:
                self.size += self._repo.data_size(BlobId(bytes.fromhex(name)))
            except IntegrityError as error:
                self._report(Problem("listing", found.path, str(error)))
            self.blobs += 1


def _count_blobs(repo: Repository, chosen: list[SavedSnapshot], report: Reporter) -> Stats:
    used = _used_blobs(repo, chosen, report)
    size = plain_size = compressed_size = 0
    for kind, name in used:
        places = repo.index.places(kind, name) or repo.marked.places(kind, name)
        if not places:
            continue  # reported by the walk if it is a tree; a file that misses data is check's
        blob = places[0].blob
        size += blob.length
        plain_size += blob.plain_length
        compressed_size += blob.raw_length
    return Stats(
        mode=Mode.RAW_DATA,
        snapshots=len(chosen),
        size=size,
        blobs=len(used),
        plain_size=plain_size,
        compressed_size=compressed_size,
    )


def _used_blobs(
    repo: Repository, chosen: list[SavedSnapshot], report: Reporter
) -> set[tuple[BlobType, BlobId]]:
    used: set[tuple[BlobType, BlobId]] = set()

    def enters(found: Found) -> bool:
        return _is_first(found.node, used)

    for saved in chosen:
        root = (BlobType.TREE, saved.snapshot.tree)
        if root in used:
            continue
        used.add(root)
        for _, node in walk(repo, saved.snapshot.tree, report, enters=enters):
            used.update((BlobType.DATA, name) for name in blobs_of(node))
    return used


def _is_first(node: Node, used: set[tuple[BlobType, BlobId]]) -> bool:
    if not node.subtree:
        return True  # for the walk to report
    tree = (BlobType.TREE, subtree_of(node))
    if tree in used:
        return False
    used.add(tree)
    return True
