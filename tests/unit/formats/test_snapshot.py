"""Snapshots."""

import pytest

from bkp.errors import Malformed
from bkp.formats.snapshot import Snapshot, Summary, decode_snapshot, encode_snapshot
from bkp.ids import BlobId, SnapshotId

TREE = "ab" * 32
LEAST = f'{{"time":"2026-01-01T00:00:00Z","tree":"{TREE}","paths":["/a"]}}'
FULL = (
    f'{{"time":"2026-01-01T00:00:00.5+05:30","parent":"{"cd" * 32}","tree":"{TREE}",'
    '"paths":["/a","/\\u003cb\\u003e"],"hostname":"h","username":"u","uid":1,"gid":2,'
    f'"excludes":["*.o"],"tags":["x","y"],"original":"{"ef" * 32}",'
    '"program_version":"restic 0.19.1","summary":{"backup_start":"2026-01-01T00:00:00Z",'
    '"backup_end":"2026-01-01T00:00:01Z","files_new":1,"files_changed":2,"files_unmodified":3,'
    '"dirs_new":4,"dirs_changed":5,"dirs_unmodified":6,"data_blobs":7,"tree_blobs":8,'
    '"data_added":9,"data_added_packed":10,"total_files_processed":11,'
    '"total_bytes_processed":12}}'
)


@pytest.mark.parametrize("text", [LEAST, FULL])
def test_snapshots_come_back_to_the_same_bytes(text: str) -> None:
    assert encode_snapshot(decode_snapshot(text.encode())).decode() == text


def test_fields_mean_what_they_say() -> None:
    snapshot = decode_snapshot(FULL.encode())

    assert snapshot.time_ns == 1767225600_500000000 - 19800 * 10**9
    assert snapshot.parent == SnapshotId(b"\xcd" * 32)
    assert snapshot.tree == BlobId(b"\xab" * 32)
    assert snapshot.paths == ("/a", "/<b>")
    assert snapshot.summary is not None
    assert snapshot.summary.total_bytes_processed == 12


def test_empty_fields_are_left_out_but_not_paths() -> None:
    snapshot = Snapshot(time="2026-01-01T00:00:00Z", tree=BlobId(b"\xab" * 32), paths=())

    assert encode_snapshot(snapshot).decode() == LEAST.replace('["/a"]', "[]")


def test_zeros_of_a_summary_are_written() -> None:
    snapshot = Snapshot(
        time="2026-01-01T00:00:00Z", tree=BlobId(bytes(32)), paths=(), summary=Summary()
    )

    assert b'"files_new":0' in encode_snapshot(snapshot)


def test_unknown_keys_are_kept_everywhere() -> None:
    text = FULL.replace('"total_bytes_processed":12', '"total_bytes_processed":12,"command":"x"')
    text = text[:-1] + ',"label":"l","delete":{"After":"never"}}'

    assert encode_snapshot(decode_snapshot(text.encode())).decode() == text


def test_paths_that_are_not_utf8_are_written_as_go_does() -> None:
    snapshot = Snapshot(time="2026-01-01T00:00:00Z", tree=BlobId(bytes(32)), paths=("/\udcff",))

    assert b'"paths":["/\\ufffd"]' in encode_snapshot(snapshot)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        LEAST.replace("2026-", "2026"),
        LEAST.replace("ab", "AB"),
        LEAST.replace(TREE, ""),
        LEAST.replace('["/a"]', '"/a"'),
        LEAST.replace("}", ',"uid":-1}'),
        LEAST.replace("}", ',"parent":"x"}'),
        LEAST.replace("}", ',"summary":[]}'),
    ],
)
def test_impossible_snapshots_are_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        decode_snapshot(text.encode())
