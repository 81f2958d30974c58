import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bkp.errors import BkpError, SourceError, UsageError
from bkp.files.writing.target import Directory, Presence, Target, Touching
from bkp.workers import ordered_map


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_target_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with Target(bytes(tmp_path / "a" / "b"), make=True) as target:
        assert target.root.presence is Presence.NEW

    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_target_with_something_in_it_is_not_new(tmp_path: Path) -> None:
    (tmp_path / "x").touch()

    with Target(bytes(tmp_path), make=True) as target:
        assert target.root.presence is Presence.EXISTING


def test_a_missing_target_is_not_made_unless_asked(tmp_path: Path) -> None:
    with Target(bytes(tmp_path / "a"), make=False) as target:
        assert target.root.presence is Presence.ABSENT

    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("make", [True, False])
@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_file_is_no_target(tmp_path: Path, name: str, make: bool) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match="not a directory"):
        Target(bytes(tmp_path / name), make=make)


def test_the_target_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    with Target(bytes(tmp_path / "link"), make=True) as target, target.reach(target.root) as fd:
        assert os.path.samestat(os.fstat(fd), (tmp_path / "real").stat())


def test_no_component_below_the_target_is_followed_as_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside" / "b").mkdir(parents=True)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").symlink_to("../outside")

    with Target(bytes(tmp_path / "in"), make=True) as target:
        below = Directory(Directory(target.root, b"a"), b"b")
        with pytest.raises(OSError, match=r"Not a directory|Too many levels"), target.reach(below):
            pass


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A directory for what is too deep for pytest to clear away."""
    path = tmp_path / "deep"
    path.mkdir()
    yield path
    subprocess.run(["rm", "-rf", path], check=True)


def test_any_depth_is_reached_with_few_descriptors(deep: Path) -> None:
    with Target(bytes(deep), make=True) as target:
        before = descriptors()
        chain = [target.root]
        for _ in range(1500):
            with target.reach(chain[-1]) as fd:
                os.mkdir(b"d" * 10, dir_fd=fd)
            chain.append(Directory(chain[-1], b"d" * 10))

        for directory in reversed(chain):
            with target.reach(directory) as fd:
                assert os.fstat(fd).st_nlink == (2 if directory is chain[-1] else 3)

        assert descriptors() - before <= 128


def test_closing_leaves_no_descriptor_open(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    before = descriptors()

    with Target(bytes(tmp_path), make=True) as target, target.reach(Directory(target.root, b"a")):
        pass

    assert descriptors() == before


def test_paths_begin_at_the_target() -> None:
    root = Directory(None, b"")
    below = Directory(Directory(root, b"a"), b"b\xff")

    assert root.path() == b"/"
    assert root.path(b"x") == b"/x"
    assert below.path() == b"/a/b\xff"
    assert below.path(b"x") == b"/a/b\xff/x"


def test_an_error_names_the_entry_and_the_reason() -> None:
    with (
        pytest.raises(SourceError, match=r"^permission denied$") as caught,
        Touching(Directory(None, b""), b"x"),
    ):
        raise PermissionError(13, "Permission denied", b"/some/path")

    assert caught.value.path == b"/x"


def test_a_full_target_is_no_matter_of_one_entry() -> None:
    with (
        pytest.raises(BkpError, match="no space left on device") as caught,
        Touching(Directory(None, b""), b"x"),
    ):
        raise OSError(28, "No space left on device")

    assert not isinstance(caught.value, SourceError)


def test_threads_that_reach_many_directories_at_once_get_the_right_ones(tmp_path: Path) -> None:
    names = [b"%03d" % n for n in range(200)]
    for name in names:
        os.makedirs(os.path.join(bytes(tmp_path), b"a", name))
    with Target(bytes(tmp_path), make=False) as target:
        above = Directory(target.root, b"a")
        below = [Directory(above, name) for name in names]
        gone = Directory(above, b"gone")

        def look(seed: int) -> None:
            order = random.Random(seed)
            for _ in range(300):
                some = order.sample(below, 5)
                with target.reach_each([*some, gone]) as fds:
                    assert set(fds) == set(some)
                    for directory, fd in fds.items():
                        path = os.path.join(bytes(tmp_path), b"a", directory.name)
                        assert os.path.samestat(os.fstat(fd), os.stat(path))

        for _ in ordered_map(look, range(4), threads=4, ahead=4):
            pass
        assert not target._open._pins
