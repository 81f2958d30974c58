"""Wrapping of indexes, snapshots and locks."""

import pytest
import zstandard

from bkp.errors import Malformed
from bkp.formats.unpacked import MAX_SIZE, unwrap, wrap

JSON = b'{"packs":[]}\n'
MIB = 1 << 20


def test_version_1_is_the_json_itself() -> None:
    assert wrap(JSON, 1) == JSON
    assert unwrap(JSON) == JSON


def test_version_2_is_a_frame_behind_a_two() -> None:
    data = wrap(JSON, 2)

    assert data[:5] == b"\x02\x28\xb5\x2f\xfd"
    assert unwrap(data) == JSON


@pytest.mark.parametrize("data", [b"", JSON, b"[1]"])
def test_version_2_may_hold_json_from_before_an_upgrade(data: bytes) -> None:
    assert unwrap(data) == data


@pytest.mark.parametrize(
    "data",
    [b"\x01abc", b"\x02", b"\x02abc", b"\x00", b" {}", b"\x03{}", b"\x03" + wrap(JSON, 2)[1:]],
)
def test_anything_else_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        unwrap(data)


def test_more_than_the_limit_is_malformed_before_it_is_unfolded() -> None:
    packer = zstandard.ZstdCompressor().compressobj(size=MAX_SIZE + MIB)
    frames = [packer.compress(bytes(MIB)) for _ in range(MAX_SIZE // MIB + 1)]

    with pytest.raises(Malformed, match="more than"):
        unwrap(b"\x02" + b"".join(frames) + packer.flush())
