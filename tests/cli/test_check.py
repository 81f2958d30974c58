"""What `bkp check` says of what was read, and when, by it and by those before it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bkp.ids import blob_id
from bkp.repo.audit import pack_sizes
from bkp.repo.repository import Repository, RepositoryOptions, open_repository
from bkp.repo.verified_packs import VerifiedPacks
from bkp.store.local import LocalStore
from bkp.times import now, parse_time
from packed import object_of, pack_of
from program import Bkp

HOUR = 3600 * 1_000_000_000  # ns


class Checks:
    """A repository of four packs, what is remembered of them, and a bkp to check it."""

    def __init__(self, bkp: Bkp, path: Path, cache: Path) -> None:
        self.bkp = bkp
        self.path = path
        self.cache = cache

    def open(self) -> Repository:
        options = RepositoryOptions(cache=self.cache)
        store = LocalStore.open(self.path)
        repo = open_repository(store, self.bkp.env["BKP_PASSWORD"], options=options)
        repo.load_index()
        return repo

    def remember(self, age_ns: int, *, bad: int = 0, of: int = 4) -> None:
        """Have so many packs verified in the past, some of them bad."""
        repo = self.open()
        packs = sorted(pack_sizes(repo))
        with VerifiedPacks(repo, packs, print, clock=lambda: now() - age_ns) as verified:
            for number, pack in enumerate(packs[:of]):
                verified.note(pack, is_sound=number >= bad)

    def run(self, *args: str, code: int = 0) -> list[str]:
        return self.bkp.run("check", *args, code=code).stdout.splitlines()

    def summary(self, *args: str, code: int = 0) -> dict[str, Any]:
        (summary,) = self.bkp.lines("check", *args, code=code)
        assert isinstance(summary, dict)
        return summary


@pytest.fixture
def checks(
    bkp: Bkp, make_repository: Callable[..., Repository], repo_path: Path, tmp_path: Path
) -> Checks:
    make_repository()
    for name in ("old", "new"):
        (tmp_path / name).write_text(name * 100)
        bkp.snapshot(name, cwd=tmp_path)
    return Checks(bkp, repo_path, tmp_path / "home/.cache/bkp")


def test_it_says_what_was_read_and_how_old_the_rest_is(checks: Checks) -> None:
    first, known, verdict = checks.run("--max-duration", "0s")
    assert "read 0 of 4 packs, 0 B of " in first
    assert first.endswith("(0%)")
    assert (known, verdict) == ("4 packs were never verified", "no faults were found")
    assert len(checks.run()) == 2  # nothing is known, and nothing was asked

    checks.remember(30 * 24 * HOUR, of=3)
    assert "1 packs were never verified; the others were verified in the last 31 days" in (
        checks.run()
    )
    first, known, verdict = checks.run("--max-duration", "2h30m")
    assert "read 4 of 4 packs" in first
    assert first.endswith("(100%)")
    assert known == "everything was verified in the last hour"


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (HOUR // 2, "hour"),
        (4 * HOUR + HOUR // 2, "5 hours"),
        (47 * HOUR + HOUR // 2, "48 hours"),
        (48 * HOUR + HOUR // 2, "3 days"),
        (12 * 24 * HOUR - HOUR // 2, "12 days"),
    ],
)
def test_an_age_is_told_as_a_person_would(checks: Checks, age: int, text: str) -> None:
    checks.remember(age)

    assert checks.run()[1] == f"everything was verified in the last {text}"


def test_what_was_damaged_is_told_until_it_is_read_again(checks: Checks) -> None:
    checks.remember(4 * HOUR + HOUR // 2, bad=1)

    assert checks.run()[1:] == [
        "1 packs were damaged when they were verified last; "
        "the others were verified in the last 5 hours",
        "no faults were found",
    ]
    assert checks.summary()["packs_last_damaged"] == 1
    assert checks.run("--read-data-subset", "1%")[1] == (
        "everything was verified in the last 5 hours"
    )


def test_a_program_is_told_too(checks: Checks) -> None:
    before = now()
    checks.remember(HOUR, of=3)
    known = checks.summary()
    sizes = pack_sizes(checks.open())
    assert known["packs_read"] == known["bytes_read"] == 0
    assert (known["packs_total"], known["bytes_total"]) == (4, sum(sizes.values()))
    assert (known["packs_never_verified"], known["packs_last_damaged"]) == (1, 0)
    assert abs(parse_time(known["oldest_verification"]) - (before - HOUR)) < HOUR // 2

    name = str(object_of(pack_of(checks.open(), blob_id(b"new" * 100))))
    pack = checks.path / name.replace("data/", f"data/{name[5:7]}/")
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    data[5] ^= 1
    pack.write_bytes(data)
    known = checks.summary("--max-duration", "1h", code=1)
    assert (known["packs_read"], known["bytes_read"]) == (4, sum(sizes.values()))
    assert (known["packs_never_verified"], known["packs_last_damaged"]) == (0, 1)
    assert checks.summary("--max-duration", "1h", code=1)["packs_last_damaged"] == 1


def test_without_a_cache_nothing_is_kept_nor_told(checks: Checks) -> None:
    checks.remember(HOUR)
    (path,) = checks.cache.rglob("verified-*")
    before = path.read_bytes()

    assert len(checks.run("--max-duration", "1h", "--no-cache")) == 2
    known = checks.summary("--no-cache", "--read-data")
    assert known["packs_read"] == known["packs_total"] == 4
    assert known["oldest_verification"] is known["packs_never_verified"] is None
    assert path.read_bytes() == before


def test_a_damaged_memory_is_told(checks: Checks) -> None:
    checks.remember(HOUR)
    (path,) = checks.cache.rglob("verified-*")
    path.write_bytes(b"no memory")

    result = checks.bkp.run("check", "--max-duration", "0s")

    assert f"bkp: not using {path}, which says what was verified when: too short" in result.stderr
    assert "4 packs were never verified" in result.stdout


@pytest.mark.parametrize(
    "args", [("--max-duration", "soon"), ("--read-data", "--read-data-subset", "1/2")]
)
def test_what_makes_no_sense_is_refused(checks: Checks, args: tuple[str, ...]) -> None:
    checks.run(*args, code=2)
