"""What a snapshot says about itself, besides its contents."""

from collections.abc import Sequence
from dataclasses import dataclass

from bkp.formats.snapshot import Snapshot, Summary
from bkp.ids import BlobId, SnapshotId
from bkp.times import Zone, format_time
from bkp.users import current_user
from bkp.version import VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotLabels:
    """Who took a snapshot of what, and when.

    `zone` is the one in which its times and those of its trees are written:
    it is part of their identity, so it should be the same every time.
    """

    host: str
    time_ns: int
    zone: Zone
    tags: Sequence[str] = ()
    excludes: Sequence[str] = ()  # patterns as typed, recorded for people

    def describe(
        self,
        paths: Sequence[str],
        parent: SnapshotId | None,
        tree: BlobId,
        summary: Summary | None,
    ) -> Snapshot:
        """Return the snapshot of a tree."""
        user = current_user()
        return Snapshot(
            time=format_time(self.time_ns, self.zone),
            parent=parent,
            tree=tree,
            paths=tuple(paths),
            hostname=self.host,
            username=user.name,
            uid=user.uid,
            gid=user.gid,
            excludes=tuple(self.excludes),
            tags=tuple(self.tags),
            program_version=f"bkp {VERSION}",
            summary=summary,
        )
