"""bkp forgets what restic would, for the same reasons."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bkp.formats.snapshot import Snapshot
from bkp.repo.repository import Repository
from bkp.times import parse_time
from packed import save
from program import Bkp
from restic import Restic

MakeRepository = Callable[..., Repository]

ZONES = ["Z", "+01:00", "+02:00", "-08:00", "+05:45"]
RULES = ["last", "hourly", "daily", "weekly", "monthly", "yearly"]


def take_snapshots(repo: Repository, random: Random, count: int) -> None:
    """Store snapshots of many times, thick and thin, in many zones."""
    tree = save(repo, {b"file": b"content"}, time="2019-12-30T23:30:00+01:00").snapshot.tree
    for _ in range(count):
        day = f"{random.choice([2019, 2020, 2021])}-{random.randrange(1, 13):02}"
        if random.random() < 0.5:
            day = "2021-03"
        time = (
            f"{day}-{random.randrange(1, 29):02}T{random.randrange(24):02}"
            f":{random.randrange(60):02}:{random.randrange(60):02}.{random.randrange(1, 10)}"
        )
        repo.snapshots.save(
            Snapshot(
                time=time + random.choice(ZONES),
                tree=tree,
                paths=random.choice([("/a",), ("/a", "/b"), ("/b", "/a")]),
                hostname=random.choice(["one", "two"]),
                tags=random.choice([(), ("x",), ("x", "y")]),
            )
        )


def random_policy(random: Random) -> list[str]:
    options = []
    for rule in random.sample(RULES, random.randrange(4)):
        options += [f"--keep-{rule}", str(random.choice([1, 2, 3, 7, 1000]))]
    for rule in random.sample(["", *(f"-{name}" for name in RULES[1:])], random.randrange(3)):
        period = random.choice(["1y", "5m", "40d", "100h", "1y2m3d4h", "13m"])
        options += [f"--keep-within{rule}", period]
    if random.random() < 0.3:
        options += ["--keep-tag", random.choice(["x", "x,y", "y"])]
    options = options or ["--keep-last", "2"]
    if random.random() < 0.4:
        options += ["--group-by", random.choice(["host", "host,paths,tags", ""])]
    return options


def decisions(groups: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the reasons to keep each snapshot by its id; of those removed there are none.

    That the oldest is kept by a rule that has some left is what restic does
    since 0.16; so that older ones can be compared, it is left out.
    """
    found: dict[str, list[str]] = {}
    for group in groups:
        found |= {one["id"]: [] for one in group["remove"] or []}
        for one, reason in zip(group["keep"] or [], group["reasons"] or [], strict=True):
            assert reason["snapshot"]["time"] == one["time"]
            matches = reason["matches"]
            found[one["id"]] = [text for text in matches if not text.startswith("oldest")]
    return found


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Los_Angeles"])
def test_the_same_is_kept_for_the_same_reasons(
    make_repository: MakeRepository, restic: Restic, bkp: Bkp, zone: str
) -> None:
    random = Random(f"{zone} 3")
    repo = make_repository()
    take_snapshots(repo, random, 60)
    bkp.env["TZ"] = restic.env["TZ"] = zone
    compared = 0
    for _ in range(14):
        options = [*random_policy(random), "--dry-run", "--json"]
        theirs = restic.run("forget", *options, check=False)
        refused = theirs.returncode != 0
        groups = [] if refused else json.loads(theirs.stdout)
        if refused or not all(group["keep"] for group in groups):  # before 0.17 it removed all
            assert "refusing" in theirs.stderr or not refused
            assert "keep no snapshot" in bkp.run("forget", *options, code=2).stderr
            continue
        ours = json.loads(bkp.run("forget", *options).stdout)
        assert decisions(ours) == decisions(groups), options
        assert key_set(ours) == key_set(groups)
        compared += 1
    assert compared >= 6


def key_set(groups: Iterable[dict[str, Any]]) -> set[str]:
    return {json.dumps([group["host"], group["paths"], group["tags"]]) for group in groups}


def test_what_is_forgotten_is_gone_and_the_rest_is_sound(
    make_repository: MakeRepository, restic: Restic, bkp: Bkp, repo_path: Path
) -> None:
    repo = make_repository()
    times = [f"2026-01-{day:02}T00:00:00Z" for day in range(1, 6)]
    saved = [save(repo, {b"file": time.encode()}, time=time) for time in times]

    said = bkp.run("forget", "--keep-last", "2").stdout

    assert "removed 3 snapshots" in said
    left = sorted(path.name for path in (repo_path / "snapshots").iterdir())
    assert left == sorted(one.id.hex() for one in saved[3:])
    assert {parse_time(one["time"]) for one in restic.snapshots()} == {
        one.snapshot.time_ns for one in saved[3:]
    }
    restic.check()
    bkp.run("forget", saved[3].id.hex()[:10], "latest")
    assert list((repo_path / "snapshots").iterdir()) == []
    assert "there is no snapshot" in bkp.run("forget", "abcdef", code=2).stderr
    assert not list((repo_path / "locks").iterdir())


def test_a_damaged_snapshot_can_be_forgotten_by_its_id(
    make_repository: MakeRepository, bkp: Bkp, repo_path: Path
) -> None:
    repo = make_repository()
    kept = save(repo, {b"file": b"1"}, time="2026-01-01T00:00:00Z")
    damaged = save(repo, {b"file": b"2"}, time="2026-01-02T00:00:00Z")
    path = repo_path / "snapshots" / damaged.id.hex()
    path.chmod(0o600)
    path.write_bytes(b"damaged")

    assert "damaged" in bkp.run("forget", "--keep-last", "1", code=3).stderr
    bkp.run("forget", damaged.id.hex())

    assert [one.name for one in (repo_path / "snapshots").iterdir()] == [kept.id.hex()]


def test_a_backup_going_on_is_not_in_the_way(
    make_repository: MakeRepository, restic: Restic, bkp: Bkp
) -> None:
    repo = make_repository()
    for number in range(3):
        save(repo, {b"file": b"%d" % number}, time=f"2026-01-0{number + 1}T00:00:00Z")
    with restic.start("backup", "--stdin") as process:
        bkp.run("forget", "--keep-last", "1")
        output, _ = process.communicate("what came meanwhile")
    assert process.returncode == 0, output
    assert len(restic.snapshots()) == 2
    restic.check()
