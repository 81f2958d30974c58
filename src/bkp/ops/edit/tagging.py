"""Change the tags of snapshots."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from bkp.errors import UsageError
from bkp.repo.locking import Lock
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot

from .replacing import Replaced, replace_snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class TagChange:
    """What becomes of a snapshot's tags: all others instead, or some more and some less."""

    instead: tuple[str, ...] | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise UsageError for a change that changes nothing, or two at once."""
        adds_or_removes = bool(self.add or self.remove)
        if self.instead is None and not adds_or_removes:
            raise UsageError("nothing to change; give --add, --remove or --set")
        if self.instead is not None and adds_or_removes:
            raise UsageError("--set replaces all tags; it goes without --add and --remove")

    def applied(self, tags: tuple[str, ...]) -> tuple[str, ...]:
        """Return the tags that come of some, in their order."""
        if self.instead is not None:
            return self.instead
        added = tags + tuple(tag for tag in dict.fromkeys(self.add) if tag not in tags)
        return tuple(tag for tag in added if tag not in self.remove)


def change_tags(
    repo: Repository, lock: Lock, chosen: Iterable[SavedSnapshot], change: TagChange
) -> Iterator[Replaced]:
    """Change the tags of snapshots, and yield each whose tags were others before.

    The first snapshot of a line of changed ones stays known as `original`.
    """
    for old in chosen:
        tags = change.applied(old.snapshot.tags)
        if tags != old.snapshot.tags:
            original = old.snapshot.original or old.id
            yield replace_snapshot(
                repo, lock, old, replace(old.snapshot, tags=tags, original=original)
            )
