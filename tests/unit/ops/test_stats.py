import pytest

from bkp.formats.pack import BlobType
from bkp.ops.stats import Mode, count
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.store.memory import MemoryStore
from memoryrepo import File, Spec
from packed import save
from repos import make_repo

LINKED = File((b"linked",), fields={"links": 2, "inode": 7, "device_id": 1})


@pytest.fixture
def repo() -> Repository:
    return make_repo(MemoryStore())


@pytest.fixture
def snapshots(repo: Repository) -> list[SavedSnapshot]:
    first: dict[bytes, Spec] = {
        b"a": LINKED,
        b"b": LINKED,
        b"d": {b"same": b"12345", b"too": b"12345"},
        b"e": b"",
    }
    return [save(repo, first), save(repo, first | {b"n": b"new"})]


def test_restore_size_counts_entries_and_hard_links_once(
    repo: Repository, snapshots: list[SavedSnapshot]
) -> None:
    stats = count(repo, snapshots)

    assert (stats.snapshots, stats.files, stats.size) == (2, 6 + 7, 16 + 19)


def test_files_by_contents_counts_equal_files_once(
    repo: Repository, snapshots: list[SavedSnapshot]
) -> None:
    stats = count(repo, snapshots, Mode.FILES_BY_CONTENTS)

    assert (stats.files, stats.size) == (4, 14)  # the empty contents are one of them


def test_blobs_per_file_counts_blobs_of_distinct_files(repo: Repository) -> None:
    saved = save(repo, {b"f": File((b"one", b"two", b"one")), b"g": b"one", b"h": b"one"})

    stats = count(repo, [saved], Mode.BLOBS_PER_FILE)

    assert (stats.files, stats.blobs, stats.size) == (2, 3, 9)


def test_raw_data_counts_each_blob_once_as_stored(
    repo: Repository, snapshots: list[SavedSnapshot]
) -> None:
    stats = count(repo, snapshots, Mode.RAW_DATA)

    lengths = [place.blob.length for place in repo.index.all_places()]
    assert (stats.blobs, stats.size) == (len(lengths), sum(lengths))
    assert stats.plain_size == sum(p.blob.plain_length for p in repo.index.all_places())


def test_raw_data_leaves_out_what_no_chosen_snapshot_needs(
    repo: Repository, snapshots: list[SavedSnapshot]
) -> None:
    stats = count(repo, snapshots[:1], Mode.RAW_DATA)

    trees = sum(p.blob.type is BlobType.TREE for p in repo.index.all_places())
    assert stats.blobs == len(repo.index) - 2  # a file and the root above it
    assert trees == 3
