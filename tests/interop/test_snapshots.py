"""The snapshots of a repository as both tools list and group them."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from bkp.store.local import LocalStore
from program import Bkp
from repos import PASSWORD, make_repo
from restic import Restic

TAGS = [["a"], ["b", "a"], [], ["a", "b"]]
HOSTS = ["one", "two"]


@dataclass(frozen=True)
class Tools:
    restic: Restic
    bkp: Bkp


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    """Fill a repository in turns, with hosts, tags and paths that make many groups."""
    top = tmp_path_factory.mktemp("snapshots")
    (top / "home").mkdir()
    for name in ("x", "y"):
        (top / name).write_text(name)
    make_repo(LocalStore.create(top / "repo"))
    restic = Restic(top / "repo", top / "cache", PASSWORD)
    bkp = Bkp(top / "repo", top / "home", PASSWORD)
    for number in range(8):
        tags = [f"--tag={tag}" for tag in TAGS[number % 4]]
        paths = ["x", "y"] if number % 3 else ["y"]
        options = [f"--host={HOSTS[number // 4]}", *tags, *paths]
        if number % 2:
            restic.run("backup", *options, cwd=top)
        else:
            bkp.run("snapshot", *options, cwd=top)
    return Tools(restic, bkp)


def restic_groups(tools: Tools, by: str) -> Any:
    return by_key(tools.restic.json("snapshots", "--group-by", by))


def by_key(groups: Any) -> list[tuple[str, list[str]]]:
    """Return what the groups have in common, with the ids of the snapshots, oldest first."""
    return sorted(
        (json.dumps(one["group_key"], sort_keys=True), [two["id"] for two in one["snapshots"]])
        for one in groups
    )


@pytest.mark.parametrize("by", ["host", "paths", "tags", "host,tags", "host,paths,tags"])
def test_both_make_the_same_groups(tools: Tools, by: str) -> None:
    (ours,) = tools.bkp.lines("snapshots", "--group-by", by)

    assert by_key(ours) == restic_groups(tools, by)


def test_without_groups_there_is_a_plain_list(tools: Tools) -> None:
    (ours,) = tools.bkp.lines("snapshots", "--group-by", "")

    assert [one["id"] for one in ours] == [one["id"] for one in tools.restic.snapshots()]


def test_the_latest_are_the_newest_of_each_group(tools: Tools) -> None:
    (ours,) = tools.bkp.lines("snapshots", "--latest", "2", "--group-by", "host,tags")

    # restic 0.14 still takes the newest of each host and set of paths within each group.
    expected = [(key, ids[-2:]) for key, ids in restic_groups(tools, "host,tags")]
    assert by_key(ours) == expected


def test_the_latest_without_groups_are_those_of_each_host_and_paths(tools: Tools) -> None:
    theirs = tools.restic.json("snapshots", "--latest", "1")
    (ours,) = tools.bkp.lines("snapshots", "--latest", "1")

    assert [one["id"] for one in ours] == [one["id"] for one in theirs]
    assert len(ours) == 4


def test_a_table_for_each_group_says_what_it_is_of(tools: Tools) -> None:
    output = tools.bkp.run("snapshots", "-g", "host", "--compact").stdout

    assert [line for line in output.splitlines() if line.startswith("snapshots of")] == [
        "snapshots of host one",
        "snapshots of host two",
    ]
    assert output.count("4 snapshots\n") == 2
    assert "Paths" not in output
