"""Which snapshots are meant: by name, or by host, tags and paths."""

from collections.abc import Sequence
from dataclasses import dataclass

from bkp.formats.snapshot import Snapshot
from bkp.repo.snapshots import SavedSnapshot, Snapshots


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFilter:
    """A condition on snapshots; an empty part puts none.

    A snapshot fits if it is of one of the hosts, has every tag of one of the
    tag lists (the empty list means: no tags at all), and has all the paths.
    """

    hosts: Sequence[str] = ()
    tag_lists: Sequence[Sequence[str]] = ()
    paths: Sequence[str] = ()

    def matches(self, snapshot: Snapshot) -> bool:
        """Say whether a snapshot fits."""
        return (
            (not self.hosts or snapshot.hostname in self.hosts)
            and (not self.tag_lists or any(_has(snapshot, tags) for tags in self.tag_lists))
            and set(self.paths) <= set(snapshot.paths)
        )


def _has(snapshot: Snapshot, tags: Sequence[str]) -> bool:
    return set(tags) <= set(snapshot.tags) if tags else not snapshot.tags


def chosen(
    snapshots: Snapshots, names: Sequence[str], wanted: SnapshotFilter, *, to_change: bool = False
) -> list[SavedSnapshot]:
    """Return the snapshots that are named, or without names all that fit; oldest first, each once.

    What is named need not fit, but `latest` is the latest of those that do.
    Damaged ones are reported and left out.  Raises UsageError for a name that
    is unknown or ambiguous.  If it is `to_change` them, IntegrityError is
    raised for what may not be the latest; see Snapshots.find.
    """
    if not names:
        return [saved for saved in snapshots.load_all() if wanted.matches(saved.snapshot)]
    named = snapshots.find_each(names, wanted.matches, to_change=to_change)
    return sorted(named, key=lambda saved: (saved.snapshot.time_ns, saved.id))
