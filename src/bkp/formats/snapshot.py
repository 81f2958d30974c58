"""Snapshots: what was backed up when, where its tree is, and what it took.

A JSON object without a newline, keys in the order of the fields below; empty
ones are left out, but `time`, `tree` and `paths` are always there.  What
others add is kept when a snapshot is rewritten.

Source: restic's doc/design.rst, "Snapshots".
"""

from dataclasses import dataclass, field, replace

import msgspec

from bkp.errors import Malformed
from bkp.ids import BlobId, SnapshotId
from bkp.times import parse_time

from .gojson import Uint32, Uint63, decode, encode_object, unknown_keys, with_extra
from .hexids import parse_hex_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a backup did; restic writes it since 0.17.

    The first two are RFC 3339 text.  `data_added` is plaintext bytes of new
    blobs, `data_added_packed` what they take in packs.
    """

    backup_start: str = ""
    backup_end: str = ""
    files_new: Uint63 = 0
    files_changed: Uint63 = 0
    files_unmodified: Uint63 = 0
    dirs_new: Uint63 = 0
    dirs_changed: Uint63 = 0
    dirs_unmodified: Uint63 = 0
    data_blobs: Uint63 = 0
    tree_blobs: Uint63 = 0
    data_added: Uint63 = 0
    data_added_packed: Uint63 = 0
    total_files_processed: Uint63 = 0
    total_bytes_processed: Uint63 = 0
    extra: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One snapshot.

    `time` is RFC 3339 text as stored, `paths` are absolute.  `original` is the
    snapshot this one was first made from by tagging, rewriting or copying.
    """

    time: str
    parent: SnapshotId | None = None
    tree: BlobId
    paths: tuple[str, ...]
    hostname: str = ""
    username: str = ""
    uid: int = 0
    gid: int = 0
    excludes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    original: SnapshotId | None = None
    program_version: str = ""
    summary: Summary | None = None
    extra: dict[str, object] = field(default_factory=dict)

    @property
    def time_ns(self) -> int:
        """The instant it stands for, in ns since the epoch."""
        return parse_time(self.time)


_Texts = tuple[str, ...]


class _Stored(msgspec.Struct, kw_only=True):
    time: str
    parent: str | None = None
    tree: str
    paths: _Texts | None
    hostname: str = ""
    username: str = ""
    uid: Uint32 = 0
    gid: Uint32 = 0
    excludes: _Texts | None = None
    tags: _Texts | None = None
    original: str | None = None
    program_version: str = ""
    summary: Summary | None = None


_KEYS = _Stored.__struct_fields__
_OPTIONAL = frozenset(_KEYS) - {"time", "tree", "paths"}
_SUMMARY_KEYS = tuple(name for name in Summary.__dataclass_fields__ if name != "extra")


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Return the JSON of a snapshot."""
    known = {key: getattr(snapshot, key) for key in _KEYS}
    for key in ("parent", "tree", "original"):
        known[key] = known[key] and known[key].hex()
    if (summary := snapshot.summary) is not None:
        counts = {key: getattr(summary, key) for key in _SUMMARY_KEYS}
        known["summary"] = with_extra(counts, (), summary.extra)
    return encode_object(known, _OPTIONAL, snapshot.extra)


def decode_snapshot(data: bytes) -> Snapshot:
    """Read a snapshot; raises Malformed if it is none, or an id or its time is impossible."""
    stored = decode(data, _Stored)
    try:
        parse_time(stored.time)
    except ValueError as error:
        raise Malformed(f"snapshot: {error}") from error
    return Snapshot(
        time=stored.time,
        parent=_snapshot_id(stored.parent),
        tree=BlobId(parse_hex_id(stored.tree)),
        paths=stored.paths or (),
        hostname=stored.hostname,
        username=stored.username,
        uid=stored.uid,
        gid=stored.gid,
        excludes=stored.excludes or (),
        tags=stored.tags or (),
        original=_snapshot_id(stored.original),
        program_version=stored.program_version,
        summary=_with_unknown_keys(stored.summary, data),
        extra=unknown_keys(data, _KEYS),
    )


def _snapshot_id(text: str | None) -> SnapshotId | None:
    return SnapshotId(parse_hex_id(text)) if text else None


def _with_unknown_keys(summary: Summary | None, data: bytes) -> Summary | None:
    if summary is None:
        return None
    return replace(summary, extra=unknown_keys(data, _SUMMARY_KEYS, "summary"))
