"""A snapshot whose process is killed or interrupted at any instant harms nothing."""

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from bkp.formats.pack import BlobType
from bkp.ids import BlobId
from bkp.library import open_repository, restore
from bkp.ops.check.run import CheckOptions, check
from bkp.ops.check.subset import Everything
from bkp.repo.repository import Repository
from bkp.repo.repository import open_repository as open_unindexed
from bkp.store.local import LocalStore
from program import Bkp, wait_until
from restic import Restic
from trees import build, describe

MakeRepository = Callable[..., Repository]

MIB = 1 << 20


class OnDisk:
    """The repository as somebody sees it who looks at its files and has the password."""

    def __init__(self, path: Path, password: str) -> None:
        self.path = path
        self._password = password

    def stored(self) -> int:
        """Return the bytes in packs, finished or not."""
        return sum(path.stat().st_size for path in self.path.glob("data/*/*"))

    def files(self, kind: str) -> list[str]:
        """Return the names of the files of a kind, and of those that are just being made."""
        return sorted(path.name for path in (self.path / kind).iterdir())

    def leftovers(self) -> list[str]:
        return [path.name for path in self.path.rglob("*-tmp-*")]

    def open(self) -> Repository:
        return open_repository(self.path, self._password)

    def assert_sound(self) -> None:
        repo = open_unindexed(LocalStore.open(self.path), self._password)
        assert check(repo, CheckOptions(read=Everything())).faults == ()

    def copies(self) -> dict[tuple[BlobType, BlobId], int]:
        """Count the copies there are of each blob that is indexed."""
        found: dict[tuple[BlobType, BlobId], int] = {}
        for place in self.open().index.all_places():
            key = (place.blob.type, place.blob.id)
            found[key] = found.get(key, 0) + 1
        return found


@pytest.fixture
def repo(make_repository: MakeRepository, bkp: Bkp, repo_path: Path) -> OnDisk:
    make_repository()
    bkp.env["RESTIC_PACK_SIZE"] = "4"
    return OnDisk(repo_path, bkp.env["BKP_PASSWORD"])


def moments(repo: OnDisk) -> list[Callable[[], bool]]:
    """Return conditions that come to hold one after the other while a snapshot is taken."""
    stored, locks, indexes = repo.stored(), repo.files("locks"), repo.files("index")
    return [
        lambda: repo.files("locks") != locks,
        lambda: repo.stored() > stored,
        lambda: repo.stored() > stored + MIB,
        lambda: repo.stored() > stored + 5 * MIB,
        lambda: repo.stored() > stored + 9 * MIB,
        lambda: repo.files("index") != indexes,
    ]


def never() -> bool:
    return False


def test_killed_at_many_instants(repo: OnDisk, bkp: Bkp, restic: Restic, tmp_path: Path) -> None:
    random = Random(11)
    build(tmp_path / "first", {"old": random.randbytes(MIB), "d": {"small": b"1"}})
    first = bkp.snapshot("first", cwd=tmp_path)
    source = tmp_path / "src"
    source.mkdir()
    killed = 0
    for number in range(8):
        (source / f"file {number}").write_bytes(random.randbytes(11 * MIB))
        chosen = [*moments(repo), never, never][number]
        give_up = time.monotonic() + 0.3 + 0.4 * random.random() if number > 5 else None

        with bkp.start("snapshot", "src", cwd=tmp_path) as process:
            while not chosen() and process.poll() is None:
                if give_up is not None and time.monotonic() > give_up:
                    break
            process.kill()
            process.wait()
        killed += process.returncode == -signal.SIGKILL

        repo.assert_sound()
        assert restore(repo.open(), f"{first}:/first", tmp_path / f"{number}").problems == 0
        assert describe(tmp_path / f"{number}") == describe(tmp_path / "first")
    kept = repo.copies()

    bkp.run("snapshot", "src", cwd=tmp_path)

    assert killed >= 6
    assert {key: count for key, count in repo.copies().items() if key in kept} == kept
    repo.assert_sound()
    restic.run("unlock")
    restic.run("prune")  # which takes away what the killed ones left
    restic.check()
    bkp.run("restore", "--target", str(tmp_path / "out"))
    assert describe(tmp_path / "out" / "src") == describe(source)


STOPS = pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])


@STOPS
@pytest.mark.parametrize("moment", range(4))
def test_interrupted(
    repo: OnDisk, bkp: Bkp, tmp_path: Path, stop: signal.Signals, moment: int
) -> None:
    source = tmp_path / "src"
    build(source, {f"{number}": Random(number).randbytes(3 * MIB) for number in range(20)})

    with bkp.start("snapshot", str(source)) as process:
        wait_until(moments(repo)[moment], process)
        process.send_signal(stop)
        output, errors = process.communicate()

    assert process.returncode == 130, errors
    assert output == ""
    assert re.fullmatch(r"\n?bkp: (interrupted|stopped by SIG(INT|TERM))\n", errors)
    assert repo.leftovers() == repo.files("locks") == repo.files("snapshots") == []
    repo.assert_sound()


@STOPS
def test_interrupted_in_the_middle_of_a_huge_file(
    repo: OnDisk, bkp: Bkp, tmp_path: Path, stop: signal.Signals
) -> None:
    (tmp_path / "src").mkdir()
    with open(tmp_path / "src" / "huge", "wb") as file:
        file.truncate(1 << 40)

    with bkp.start("snapshot", "src", "--json", cwd=tmp_path) as process:
        assert process.stdout is not None
        wait_until(lambda: repo.files("locks") != [], process)
        for line in process.stdout:
            if '"bytes_done"' in line:
                break
        process.send_signal(stop)
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 130, errors
    assert repo.files("locks") == []


@STOPS
def test_interrupted_while_waiting_for_input(repo: OnDisk, bkp: Bkp, stop: signal.Signals) -> None:
    with bkp.start("snapshot", "--stdin") as process:
        wait_until(lambda: repo.files("locks") != [], process)
        process.send_signal(stop)
        assert process.wait(timeout=30) == 130

    assert repo.files("locks") == []
    assert repo.files("snapshots") == []
