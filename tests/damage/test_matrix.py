"""Every command on a repository of which one object is damaged, in every way.

The exit code is the right one, what is wrong is named, what is advised exists,
nothing else is harmed, and every snapshot that could be restored before can be
restored then.
"""

from collections.abc import Callable
from functools import cache

import pytest

from bkp.store.base import Kind, ObjectName
from bkp.store.memory import MemoryStore
from commandline import CommandLine, Outcome, assert_is_command
from damages import (
    CHANGING,
    COMMANDS,
    DAMAGES,
    ELSEWHERE,
    HERE,
    OBJECTS,
    Content,
    Example,
    assert_kept,
    damaged,
    everything,
    restorable,
)
from repos import make_repo

LOCKING = set(COMMANDS) - {"snapshots", "key list", "unlock"}

# The exit code of each command if an object cannot be read at all, where it is not 0.
DAMAGED: dict[str, dict[str, int]] = {
    "config": dict.fromkeys(COMMANDS, 1),
    "key": dict.fromkeys(COMMANDS, 1),
    "other key": {"check": 1, "check --read-data": 1, "key list": 1},
    "lock": dict.fromkeys(LOCKING, 11),
    "index": {
        "snapshot": 1,
        "restore latest": 3,
        "ls": 1,
        "diff": 1,
        "check": 1,
        "check --read-data": 1,
        "prune": 1,
        "prune --instant": 1,
        "copy": 1,
        "repair packs": 1,
        "repair snapshots": 1,
        "rewrite": 1,
        "recover": 1,
        "stats": 1,
    },
    "trees": {
        "restore latest": 3,
        "ls": 1,
        "diff": 1,
        "check": 1,
        "check --read-data": 1,
        "prune": 1,
        "prune --instant": 1,
        "copy": 1,
        "repair snapshots": 1,
        "rewrite": 1,
        "recover": 1,
        "stats": 1,
    },
    "data": {"restore latest": 3, "check --read-data": 1, "copy": 1},
    "snapshot": {
        "restore latest": 3,
        "snapshots": 1,
        "ls": 1,
        "diff": 1,
        "check": 1,
        "check --read-data": 1,
        "prune": 1,
        "prune --instant": 1,
        "forget": 3,
        "copy": 1,
        "repair snapshots": 1,
        "rewrite": 1,
        "recover": 1,
        "tag": 1,
        "stats": 1,
    },
}
# Commands that fail because of it, but go on and do what they can.
GOING_ON = {
    "trees": {"rewrite", "recover", "repair index"},
    "data": {"recover", "repair index"},
    "index": {"rewrite", "recover"},
    "snapshot": {"rewrite", "recover", "tag"},
}

HEADER_ONLY = {"a byte short", "last byte", "longer"}  # damage that costs a pack no blob
SAME_SIZE = {"first byte", "middle", "last byte", "random"}
WRONG_SIZE = set(DAMAGES) - SAME_SIZE - {"deleted", "swapped"}


def expected(what: str, how: str, command: str) -> int:
    """Return the exit code of a command."""
    if how == "deleted":
        return expected_without(what, command)
    if (what, how) == ("lock", "empty"):
        return 0
    if (what, how) == ("other key", "swapped"):
        return 1  # so is the one in use
    if what in ("trees", "data"):
        return expected_of_pack(what, how, command)
    return DAMAGED[what].get(command, 0)


def expected_without(what: str, command: str) -> int:
    """Return the code if an object is simply not there."""
    match what:
        case "config":
            return 10
        case "key":
            return 12
        case "other key" | "lock":
            return 0
        case "index" if command in ("snapshot", "repair packs", "recover"):
            return 0  # nobody knows that there was one
        case "snapshot":
            return 2 if command == "diff" else 0  # which names it
        case "trees" if command == "recover":
            return 0
        case "data" if command in ("check", "prune", "prune --instant"):
            return 1
    return DAMAGED[what].get(command, 0)


def expected_of_pack(what: str, how: str, command: str) -> int:
    if command == "check --read-data":
        return 1
    is_seen = how not in SAME_SIZE  # without reading it
    if command in ("repair index", "recover") and is_seen:
        return 0 if how == "swapped" else 1
    if command in ("check", "prune", "prune --instant") and is_seen:
        return 1
    if how in HEADER_ONLY:
        return 0
    return DAMAGED[what].get(command, 0)


@pytest.fixture(scope="module")
def before(example: Example) -> Callable[[str, str], list[Content]]:
    """Return what can be restored of a damaged repository."""

    @cache
    def look(what: str, how: str) -> list[Content]:
        return restorable(damaged(example, what, how)[0])

    return look


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("what", OBJECTS)
def test_a_cell(
    what: str,
    how: str,
    command: str,
    example: Example,
    before: Callable[[str, str], list[Content]],
    line: CommandLine,
) -> None:
    store, name = damaged(example, what, how)
    found = everything(store)
    line.stores = {HERE: store, ELSEWHERE: MemoryStore()}
    make_repo(line.stores[ELSEWHERE])

    to = ELSEWHERE if command == "copy" else HERE
    outcome = line.run(to, *COMMANDS[command](example))

    assert outcome.code == expected(what, how, command), outcome
    if outcome.code:
        assert_told(what, how, name, outcome)
    assert_unharmed(command, what, outcome, found, everything(store))
    kept = before(what, how)
    assert_kept(kept[-2:] if command == "forget" else kept, restorable(store))


def assert_told(what: str, how: str, name: ObjectName, outcome: Outcome) -> None:
    """See that what is wrong is named, and that there is what is advised."""
    for command in outcome.advice():
        assert_is_command(command)
    id_ = "" if how == "swapped" else name.id  # it may be the other that is met first
    named = {
        "config": "config",
        "key": "password opens no key" if how == "deleted" else f"keys/{id_}",
        "other key": f"keys/{id_}",
        "lock": f"lock {id_[:8]}",
        "index": "" if how == "deleted" else f"index/{id_}",
        "snapshot": id_[:8],
    }.get(what, id_)
    assert named in outcome.errors, outcome.errors


def assert_unharmed(
    command: str,
    what: str,
    outcome: Outcome,
    before: dict[ObjectName, bytes],
    after: dict[ObjectName, bytes],
) -> None:
    """See that only who succeeds changes anything, and then what it may."""
    goes_on = outcome.code == 0 or command in GOING_ON.get(what, ())
    if command not in CHANGING or not goes_on:
        assert after == before
        return
    left = {name: data for name, data in before.items() if name in after}
    assert all(after[name] == data for name, data in left.items())
    gone = {name.kind for name in before.keys() - after.keys()}
    assert not gone & {Kind.CONFIG, Kind.KEY, Kind.LOCK}
    assert not (gone and command == "snapshot")
    assert {name for name in before if name.kind is Kind.LOCK} == {
        name for name in after if name.kind is Kind.LOCK
    }
