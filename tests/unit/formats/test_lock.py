"""Locks."""

import pytest

from bkp.errors import Malformed
from bkp.formats.lock import LockFile, decode_lock, encode_lock

TEXT = (
    '{"time":"2026-01-01T00:00:00Z","exclusive":true,"hostname":"h","username":"u","pid":7,'
    '"uid":1,"gid":2}'
)


def test_lock_is_the_json_of_restic() -> None:
    lock = LockFile(
        time="2026-01-01T00:00:00Z",
        exclusive=True,
        hostname="h",
        username="u",
        pid=7,
        uid=1,
        gid=2,
    )

    assert encode_lock(lock).decode() == TEXT
    assert decode_lock(TEXT.encode()) == lock
    assert lock.time_ns == 1767225600 * 10**9


def test_root_is_left_out() -> None:
    lock = LockFile(time="2026-01-01T00:00:00Z", exclusive=False, pid=7)

    assert encode_lock(lock) == (
        b'{"time":"2026-01-01T00:00:00Z","exclusive":false,"hostname":"","username":"","pid":7}'
    )


@pytest.mark.parametrize(
    "text",
    ["", "{}", TEXT.replace("true", "1"), TEXT.replace("2026-01", "2026-13"), TEXT[:-2] + "-1}"],
)
def test_impossible_locks_are_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        decode_lock(text.encode())
