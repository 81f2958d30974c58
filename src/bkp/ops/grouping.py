"""Put snapshots into groups, within which they follow each other."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bkp.errors import UsageError
from bkp.repo.snapshots import SavedSnapshot

_FIELDS = {"host": "host", "hosts": "host", "path": "paths", "paths": "paths"}
_FIELDS |= {"tag": "tags", "tags": "tags"}


class GroupBy(NamedTuple):
    """What snapshots of one group have in common."""

    host: bool = True
    paths: bool = True
    tags: bool = False

    @classmethod
    def parse(cls, text: str) -> "GroupBy":
        """Read `host,paths,tags` or a part of it; "" means one group.  Raises UsageError."""
        chosen = {}
        for word in filter(None, text.split(",")):
            if word not in _FIELDS:
                raise UsageError(f"cannot group by {word!r}; there are host, paths and tags")
            chosen[_FIELDS[word]] = True
        return cls(**dict.fromkeys(cls._fields, False) | chosen)


class GroupKey(NamedTuple):
    """What the snapshots of a group have in common; empty where it does not matter."""

    host: str = ""
    paths: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"host {self.host}"] if self.host else []
        parts += [f"paths {', '.join(self.paths)}"] if self.paths else []
        parts += [f"tags {', '.join(self.tags)}"] if self.tags else []
        return ", ".join(parts)


def grouped(snapshots: Iterable[SavedSnapshot], by: GroupBy) -> dict[GroupKey, list[SavedSnapshot]]:
    """Return the groups, sorted, each with its snapshots in the order given."""
    groups: dict[GroupKey, list[SavedSnapshot]] = {}
    for saved in snapshots:
        snapshot = saved.snapshot
        key = GroupKey(
            snapshot.hostname if by.host else "",
            tuple(sorted(snapshot.paths)) if by.paths else (),
            tuple(sorted(snapshot.tags)) if by.tags else (),
        )
        groups.setdefault(key, []).append(saved)
    return dict(sorted(groups.items()))


def newest_of_each(
    snapshots: Sequence[SavedSnapshot], by: GroupBy, count: int
) -> list[SavedSnapshot]:
    """Return the newest `count` of each group of snapshots, which are given oldest first."""
    groups = grouped(snapshots, by).values()
    newest = {saved.id for members in groups for saved in members[-count:]}
    return [saved for saved in snapshots if saved.id in newest]
