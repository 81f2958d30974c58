"""Cleaning a cache removes what bkp made there and nobody uses, and nothing else."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bkp.crypto.seal import Key
from bkp.errors import SourceError
from bkp.events import Event, Notice, Problem, ignore
from bkp.repo.cache_directories import Cleaned, clean, kept_directories
from bkp.repo.cachedir import CacheDirectory
from bkp.repo.index import BlobIndex
from bkp.repo.index_cache import IndexCache

DAY = 24 * 60 * 60 * 1_000_000_000  # ns
NOW = 100 * DAY
ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def used(cache: Path) -> Callable[..., Path]:
    """Make the directory of a repository, used some days ago, as bkp does."""

    def make(repository: str, days_ago: int = 0) -> Path:
        directory = CacheDirectory(cache, repository)
        IndexCache(directory, Key.generate(), ignore).save(BlobIndex(), [])
        directory.replace("verified-0123456789abcdef", lambda file: void(file.write(b"packs")))
        age(cache / repository, days_ago)
        return cache / repository

    return make


def void(_: object) -> None:
    """Make a call a statement."""


def age(path: Path, days: int) -> None:
    when = NOW - days * DAY
    os.utime(path, ns=(when, when))


def cleaned(cache: Path, days: int = 30) -> tuple[Cleaned, list[Event]]:
    events: list[Event] = []
    return clean(cache, NOW, days * DAY, events.append), events


def content(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): os.readlink(path) if path.is_symlink() else str(path.is_dir())
        for path in root.rglob("*")
    }


def test_what_is_kept_is_listed_oldest_first(cache: Path, used: Callable[..., Path]) -> None:
    used(ONE, 5)
    two = used(TWO, 9)

    found = kept_directories(cache, ignore)

    assert [one.repository for one in found] == [TWO, ONE]
    assert [one.used_ns for one in found] == [NOW - 9 * DAY, NOW - 5 * DAY]
    assert found[0].size == sum(path.stat().st_size for path in two.iterdir())


def test_no_cache_is_an_empty_one(cache: Path) -> None:
    assert kept_directories(cache, ignore) == []
    assert cleaned(cache) == (Cleaned(), [])


def test_a_cache_that_is_no_directory_is_an_error(cache: Path) -> None:
    cache.write_bytes(b"")

    with pytest.raises(SourceError, match="cannot list"):
        kept_directories(cache, ignore)


def test_what_nobody_used_for_long_is_removed(cache: Path, used: Callable[..., Path]) -> None:
    used(ONE, 31)
    two = used(TWO, 29)
    (cache / ONE / "blobs-tmp-0123").write_bytes(b"x")
    age(cache / ONE, 31)

    result, events = cleaned(cache)

    assert [one.repository for one in result.directories] == [ONE]
    assert list(cache.iterdir()) == [two]
    assert events == []


def test_an_age_of_nothing_removes_everything(cache: Path, used: Callable[..., Path]) -> None:
    used(ONE, 1)
    used(TWO, 2)
    (cache / ("3" * 64)).mkdir(mode=0o700)  # of a run that was killed at once
    age(cache / ("3" * 64), 1)

    cleaned(cache, days=0)

    assert list(cache.iterdir()) == []


def test_files_never_finished_are_removed_after_a_day(
    cache: Path, used: Callable[..., Path]
) -> None:
    one = used(ONE)
    for name, days in (("blobs-tmp-old", 2), ("blobs-tmp-new", 0), ("own-tmp-old", 2)):
        (one / name).write_bytes(b"x")
        age(one / name, days)
    age(one, 29)

    result, _ = cleaned(cache)

    assert result.files == 1
    assert {path.name for path in one.iterdir()} == {
        "CACHEDIR.TAG",
        "blobs",
        "blobs-tmp-new",
        "own-tmp-old",
        "verified-0123456789abcdef",
    }
    assert one.stat().st_mtime_ns == NOW - 29 * DAY  # cleaning is no use of it


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: (path / "CACHEDIR.TAG").unlink(), "no CACHEDIR.TAG of bkp"),
        (lambda path: (path / "CACHEDIR.TAG").write_bytes(b"Signature: 8a4"), "no CACHEDIR.TAG"),
        (lambda path: path.chmod(0o770), "others may write"),
        (lambda path: path.chmod(0o707), "others may write"),
        (lambda path: os.chown(path, 12345, -1), "somebody else"),
    ],
)
def test_what_bkp_did_not_make_is_left_alone(
    cache: Path, used: Callable[..., Path], spoil: Callable[[Path], object], reason: str
) -> None:
    spoil(used(ONE))
    age(cache / ONE, 99)
    before = content(cache)

    _, events = cleaned(cache, days=0)

    assert kept_directories(cache, ignore) == []
    assert content(cache) == before
    (event,) = events
    assert isinstance(event, Notice)
    assert reason in event.message


def test_neither_are_other_names_nor_links_nor_files(
    cache: Path, tmp_path: Path, used: Callable[..., Path]
) -> None:
    used(ONE, 99).rename(tmp_path / "elsewhere")
    (cache / ONE).symlink_to(tmp_path / "elsewhere")
    used(TWO, 99).rename(cache / "other")
    (cache / TWO).write_bytes(b"")
    before = content(tmp_path)

    result, events = cleaned(cache, days=0)

    assert result == Cleaned()
    assert content(tmp_path) == before
    assert [type(event) for event in events] == [Notice, Notice]


@pytest.mark.parametrize(
    "add",
    [
        lambda path: (path / "version").write_bytes(b"1"),
        lambda path: (path / "data").mkdir(),
        lambda path: (path / "blobs-tmp-1").symlink_to("/etc/passwd"),
        lambda path: os.mkfifo(path / "blobs-tmp-1"),
        lambda path: (path / "blobs2").write_bytes(b""),
    ],
)
def test_a_directory_with_something_else_in_it_stays_as_it_is(
    cache: Path, used: Callable[..., Path], add: Callable[[Path], object]
) -> None:
    add(used(ONE))
    age(cache / ONE, 99)
    before = content(cache)

    result, events = cleaned(cache)

    assert result.directories == []
    assert content(cache) == before
    (event,) = events
    assert isinstance(event, Problem)
    assert "which bkp did not make" in event.message


def test_a_tag_that_is_a_link_or_a_fifo_is_none(cache: Path, used: Callable[..., Path]) -> None:
    for number, repository in enumerate((ONE, TWO)):
        tag = used(repository) / "CACHEDIR.TAG"
        tag.rename(cache / f"tag {number}")
        if number:
            os.mkfifo(tag)
        else:
            tag.symlink_to(cache / f"tag {number}")
        age(cache / repository, 99)

    assert kept_directories(cache, ignore) == []
    assert cleaned(cache)[0] == Cleaned()


@pytest.mark.parametrize("steps", range(5))
def test_stopped_anywhere_the_rest_is_still_known_to_be_bkps(
    cache: Path, used: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    (used(ONE) / "blobs-tmp-1").write_bytes(b"x")
    age(cache / ONE, 99)
    left = iter(range(steps))
    with monkeypatch.context() as patch:
        for name in ("unlink", "rmdir"):
            patch.setattr(os, name, stopping(getattr(os, name), left))
        with suppress(KeyboardInterrupt):
            cleaned(cache)

    clean(cache, time.time_ns() + 31 * DAY, 30 * DAY, ignore)

    assert list(cache.iterdir()) == []


def stopping(verb: Callable[..., None], left: Iterator[int]) -> Callable[..., None]:
    """Return a system call before which the process dies when no steps are left."""

    def call(path: str, *, dir_fd: int) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        verb(path, dir_fd=dir_fd)

    return call
