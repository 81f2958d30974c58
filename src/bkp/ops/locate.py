"""What `SNAP:PATH` means: a place in a snapshot."""

import os
import posixpath
from collections.abc import Callable
from dataclasses import dataclass

from bkp.errors import UsageError
from bkp.formats.snapshot import Snapshot
from bkp.formats.tree import Node
from bkp.ids import BlobId
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot

from .walktree import TreeSource, join, subtree_of


@dataclass(frozen=True, slots=True)
class Operand:
    """A snapshot as a person names it, and an absolute path in it; `/` is all of it."""

    snapshot: str
    path: bytes = b"/"


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of a snapshot; `node` is None for the root, which has none."""

    saved: SavedSnapshot
    path: bytes
    node: Node | None

    @property
    def tree(self) -> BlobId:
        """Its tree; raises UsageError if it is no directory."""
        if self.node is None:
            return self.saved.snapshot.tree
        if self.node.type != "dir":
            raise UsageError(f"{os.fsdecode(self.path)} is a {self.node.type}, not a directory")
        return subtree_of(self.node)

    @property
    def is_directory(self) -> bool:
        """Say whether there may be entries below it."""
        return self.node is None or self.node.type == "dir"


def parse_operand(text: str) -> Operand:
    """Split `SNAP` or `SNAP:PATH`; a relative path is meant from the snapshot's root."""
    snapshot, colon, path = text.partition(":")
    return Operand(snapshot, absolute(os.fsencode(path)) if colon else b"/")


def absolute(path: bytes) -> bytes:
    """Return a path in a snapshot as it is written in messages: absolute and without dots."""
    return posixpath.normpath(b"/" + path.lstrip(b"/"))


def find_place(
    repo: Repository, operand: Operand, matches: Callable[[Snapshot], bool] = lambda _: True
) -> Place:
    """Return what an operand means; raises UsageError if there is no such thing."""
    saved = repo.snapshots.find(operand.snapshot, matches)
    return place_in(repo, saved, operand.path)


def place_in(source: TreeSource, saved: SavedSnapshot, path: bytes) -> Place:
    """Return the entry at an absolute path; raises UsageError if there is none."""
    place = Place(saved, b"/", None)
    for name in path.split(b"/"):
        if name:
            place = _step(source, place, name, path)
    return place


def _step(source: TreeSource, place: Place, name: bytes, path: bytes) -> Place:
    if place.is_directory:
        for node in source.load_tree(place.tree):
            if node.name == name:
                return Place(place.saved, join(place.path, name), node)
    raise UsageError(
        f"{os.fsdecode(path)} is not in snapshot {place.saved.id.hex()[:8]}: "
        f"there is no {os.fsdecode(name)} in {os.fsdecode(place.path)}"
    )
