"""Trees are read together with those that follow, and each is what it would be alone."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bkp.errors import IntegrityError
from bkp.events import Event, Problem
from bkp.formats.tree import Node
from bkp.ids import BlobId
from bkp.ops.restore.ahead import TreesAhead
from bkp.ops.restore.options import RestoreOptions
from bkp.ops.restore.run import restore
from memoryrepo import Dir, MemoryRepository, Spec, seen, store


class Together(MemoryRepository):
    """Gives up to `most` trees at once, and remembers what it was asked for."""

    def __init__(self, most: int = 3) -> None:
        super().__init__()
        self.most = most
        self.asked: list[list[BlobId]] = []
        self.alone: list[BlobId] = []

    def load_tree(self, name: BlobId) -> list[Node]:
        self.alone.append(name)
        return super().load_tree(name)

    def load_trees(self, names: Sequence[BlobId]) -> dict[BlobId, list[Node]]:
        self.asked.append(list(names))
        sound = [name for name in names if name in self.trees and name not in self.damaged]
        return {name: self.trees[name] for name in sound[: self.most]}


def directories(repository: MemoryRepository, count: int) -> tuple[list[BlobId], list[Node]]:
    entries: dict[bytes, Spec] = {b"%03d" % n: Dir({b"f": b"%d" % n}) for n in range(count)}
    nodes = repository.trees[store(repository, entries)]
    return [BlobId(bytes.fromhex(node.subtree)) for node in nodes], nodes


def test_those_that_follow_are_there_when_they_are_asked_for() -> None:
    repository = Together()
    names, nodes = directories(repository, 5)
    ahead = TreesAhead(repository)

    loaded = [ahead.load(name, nodes[n + 1 :]) for n, name in enumerate(names)]

    assert loaded == [repository.trees[name] for name in names]
    assert repository.asked == [names, names[3:]]
    assert repository.alone == []


def test_no_more_are_asked_for_than_a_number() -> None:
    repository = Together()
    names, nodes = directories(repository, 200)

    TreesAhead(repository).load(names[0], nodes[1:])

    assert 2 < len(repository.asked[0]) < 100


def test_one_that_cannot_be_had_says_why_when_it_is_asked_for() -> None:
    repository = Together()
    names, nodes = directories(repository, 3)
    repository.damaged = {names[1]}
    ahead = TreesAhead(repository)

    assert ahead.load(names[0], nodes[1:]) == repository.trees[names[0]]
    with pytest.raises(IntegrityError, match="damaged"):
        ahead.load(names[1], nodes[2:])
    assert ahead.load(names[2], []) == repository.trees[names[2]]


@pytest.mark.parametrize("most", [0, 1, 3, 100])
def test_a_restore_is_the_same_whatever_is_read_together(tmp_path: Path, most: int) -> None:
    repository = Together(most)
    same: dict[bytes, Spec] = {b"same": {b"deeper": {b"f": b"x"}}}
    entries: dict[bytes, Spec] = {b"%03d" % n: {b"f": b"%d" % n, **same} for n in range(150)}
    events: list[Event] = []

    tree = store(repository, entries)
    restore(repository, tree, tmp_path / "back", RestoreOptions(), events.append)

    assert seen(bytes(tmp_path / "back")) == entries
    assert not [event for event in events if isinstance(event, Problem)]
