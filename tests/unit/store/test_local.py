"""What is particular to a store in a directory: restic's layout and modes."""

import errno
import os
import stat
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from bkp.errors import (
    AccessDenied,
    AlreadyExists,
    NoRepository,
    NotFound,
    StoreError,
    StoreFull,
)
from bkp.store import localdraft
from bkp.store.base import CONFIG, Kind, ObjectName
from bkp.store.local import LocalStore

DATA = b"content"
PACK = ObjectName(Kind.PACK, sha256(DATA).hexdigest())


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore.create(tmp_path / "repo")


def test_a_new_store_has_the_directories_restic_makes(store: LocalStore) -> None:
    root = Path(store.location)

    assert sorted(os.listdir(root)) == ["data", "index", "keys", "locks", "snapshots"]
    assert sorted(os.listdir(root / "data")) == [f"{n:02x}" for n in range(256)]
    assert {path.stat().st_mode & 0o777 for path in root.rglob("*")} == {0o700}


def test_packs_are_spread_by_their_first_two_digits(store: LocalStore) -> None:
    store.put(PACK, DATA)

    assert (Path(store.location) / "data" / PACK.id[:2] / PACK.id).read_bytes() == DATA


def test_objects_are_read_only_at_rest(store: LocalStore) -> None:
    store.put(PACK, DATA)

    path = Path(store.location) / "data" / PACK.id[:2] / PACK.id
    assert path.stat().st_mode & 0o777 == 0o400


def test_a_repository_shared_by_a_group_stays_readable_by_it(store: LocalStore) -> None:
    root = Path(store.location)
    store.put(CONFIG, b"c")
    os.chmod(root / "config", 0o440)
    os.rmdir(root / "data" / PACK.id[:2])

    LocalStore.open(root).put(PACK, DATA)

    path = root / "data" / PACK.id[:2] / PACK.id
    assert path.stat().st_mode & 0o777 == 0o440
    assert path.parent.stat().st_mode & 0o070 == 0o070 & ~_umask()


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a system that knows no files without names."""
    monkeypatch.setattr(localdraft, "_UNNAMED", 0)


def files(store: LocalStore) -> list[str]:
    return [path.name for path in Path(store.location).rglob("*") if path.is_file()]


def test_what_is_being_written_is_no_file_yet(store: LocalStore) -> None:
    """So that whoever dies leaves nothing."""
    draft = store.begin(Kind.PACK)
    draft.append(DATA)
    assert draft.contents() == DATA
    assert files(store) == []
    draft.publish(PACK)
    assert files(store) == [PACK.id]


def test_a_file_is_synced_before_it_has_its_name_and_after(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """btrfs makes nothing durable of a file without a name."""
    links: list[int] = []
    sync = os.fsync

    def watch(fd: int) -> None:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            links.append(os.fstat(fd).st_nlink)
        sync(fd)

    monkeypatch.setattr(os, "fsync", watch)
    store.put(PACK, DATA)
    store.replace(CONFIG, DATA)

    assert links == [0, 1, 0, 1]


@pytest.mark.usefixtures("named")
def test_without_files_that_have_no_name_there_is_a_temporary_one(store: LocalStore) -> None:
    draft = store.begin(Kind.PACK)
    draft.append(DATA)
    (temporary,) = files(store)
    assert temporary.startswith("bkp-tmp-")
    draft.publish(PACK)
    assert files(store) == [PACK.id]

    with pytest.raises(AlreadyExists):
        store.put(PACK, DATA)
    store.put(CONFIG, b"first")
    store.replace(CONFIG, b"second")
    assert store.get(CONFIG) == b"second"
    discarded = store.begin(Kind.PACK)
    discarded.append(b"more")
    discarded.discard()
    assert sorted(files(store)) == sorted([PACK.id, "config"])


@pytest.mark.usefixtures("named")
def test_where_there_are_no_hard_links_a_file_is_renamed(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "link", no_links)
    store.put(PACK, DATA)

    assert store.get(PACK) == DATA
    with pytest.raises(AlreadyExists):
        store.put(PACK, DATA)
    assert files(store) == [PACK.id]


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def test_a_missing_data_directory_is_made_again(store: LocalStore) -> None:
    os.rmdir(Path(store.location) / "data" / PACK.id[:2])

    store.put(PACK, DATA)

    assert store.get(PACK) == DATA


def test_scan_skips_what_is_no_object(store: LocalStore) -> None:
    root = Path(store.location)
    store.put(PACK, DATA)
    (root / "data" / "ab" / (PACK.id + "-tmp-1234567890")).write_bytes(b"half")  # restic's
    store.begin(Kind.PACK).append(b"half")
    (root / "data" / "stray").write_bytes(b"")
    (root / "index" / "README").write_bytes(b"")

    assert [name for name, _ in store.scan(Kind.PACK)] == [PACK]
    assert list(store.scan(Kind.INDEX)) == []


@pytest.mark.parametrize("kind", [Kind.KEY, Kind.SNAPSHOT, Kind.INDEX, Kind.PACK])
def test_a_directory_that_is_missing_is_not_an_empty_one(store: LocalStore, kind: Kind) -> None:
    """Else a prune would take a repository whose snapshots are not to be seen for unused."""
    path = Path(store.location) / kind.value
    path.rename(path.with_name("elsewhere"))

    with pytest.raises(StoreError, match="is missing"):
        list(store.scan(kind))


def test_locks_need_no_directory(store: LocalStore) -> None:
    (Path(store.location) / "locks").rmdir()
    assert list(store.scan(Kind.LOCK)) == []
    store.put(ObjectName(Kind.LOCK, PACK.id), DATA)
    assert len(list(store.scan(Kind.LOCK))) == 1


def test_a_link_to_nowhere_is_an_object_that_cannot_be_read(store: LocalStore) -> None:
    name = ObjectName(Kind.SNAPSHOT, PACK.id)
    (Path(store.location) / "snapshots" / PACK.id).symlink_to("nowhere")

    assert [found for found, _ in store.scan(Kind.SNAPSHOT)] == [name]
    with pytest.raises(StoreError) as caught:
        store.get(name)
    assert not isinstance(caught.value, NotFound)


def test_a_name_that_is_no_id_never_becomes_a_path(store: LocalStore) -> None:
    with pytest.raises(ValueError, match="not an object name"):
        store.get(ObjectName(Kind.SNAPSHOT, "../config"))


def test_opening_says_whether_directory_or_repository_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NoRepository, match="no directory"):
        LocalStore.open(tmp_path / "nowhere")
    with pytest.raises(NoRepository, match="no repository in"):
        LocalStore.open(tmp_path)


@pytest.mark.parametrize("kind", [Kind.SNAPSHOT, Kind.INDEX])
def test_a_repository_without_its_config_is_not_none(store: LocalStore, kind: Kind) -> None:
    """To make a new one there would not bring it back."""
    store.put(ObjectName(kind, PACK.id), DATA)

    with pytest.raises(NoRepository, match=r"config of .* is missing"):
        LocalStore.open(Path(store.location))


def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(mount)], check=True)
    try:
        store = LocalStore.create(mount / "repo")
        with pytest.raises(StoreFull, match="free some space"):
            store.put(PACK, bytes(4 << 20))

        draft = store.begin(Kind.PACK)
        with pytest.raises(StoreFull, match="a new object of data: no space left"):
            draft.append(bytes(4 << 20))
        draft.discard()

        assert [path for path in mount.rglob("*") if path.is_file()] == []
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_a_read_only_place_is_access_denied(tmp_path: Path) -> None:
    mount = tmp_path / "ro"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(mount)], check=True)
    try:
        store = LocalStore.create(mount / "repo")
        subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)
        with pytest.raises(AccessDenied, match="read-only"):
            store.put(PACK, DATA)
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_a_draft_that_was_not_used_is_no_file(store: LocalStore) -> None:
    draft = store.begin(Kind.PACK)
    assert files(store) == []
    draft.discard()
    with pytest.raises(ValueError, match="discarded"):
        draft.append(b"more")


def test_an_empty_draft_is_an_empty_object(store: LocalStore) -> None:
    name = ObjectName(Kind.LOCK, sha256().hexdigest())
    store.begin(Kind.LOCK).publish(name)
    assert store.get(name) == b""
