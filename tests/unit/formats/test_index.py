"""Indexes."""

import pytest

from bkp.errors import Malformed
from bkp.formats.index import IndexedPack, decode_index, encode_index
from bkp.formats.pack import BlobType, PackedBlob
from bkp.ids import BlobId, PackId

P = "aa" * 32
B = "bb" * 32
PLAIN = PackedBlob(BlobType.DATA, BlobId(bytes.fromhex(B)), 0, 38, 0)
COMPRESSED = PackedBlob(BlobType.TREE, BlobId(bytes.fromhex(B)), 38, 50, 99)
PACK = IndexedPack(PackId(bytes.fromhex(P)), [PLAIN, COMPRESSED])
JSON = (
    f'{{"packs":[{{"id":"{P}","blobs":['
    f'{{"id":"{B}","type":"data","offset":0,"length":38}},'
    f'{{"id":"{B}","type":"tree","offset":38,"length":50,"uncompressed_length":99}}]}}]}}\n'
).encode()


def index_of(blob: str) -> bytes:
    return f'{{"packs":[{{"id":"{P}","blobs":[{{{blob}}}]}}]}}'.encode()


def test_index_is_the_json_of_restic() -> None:
    assert encode_index([PACK], 2) == JSON
    assert decode_index(JSON).packs == [PACK]


def test_no_packs_are_a_list_all_the_same() -> None:
    assert encode_index([], 2) == b'{"packs":[]}\n'
    assert decode_index(b'{"packs":null}').packs == []


def test_packs_that_rustic_will_delete_are_kept_apart() -> None:
    doomed = IndexedPack(PACK.id, [PLAIN], time="2026-01-01T00:00:00Z", size=200)
    data = encode_index([], 2, [doomed])

    index = decode_index(data)

    assert b'"time":"2026-01-01T00:00:00Z","size":200' in data
    assert index.packs == []
    assert index.packs_to_delete == [doomed]


def test_version_1_has_no_compressed_blobs() -> None:
    with pytest.raises(Malformed, match="version 1"):
        encode_index([PACK], 1)


def test_unknown_keys_and_superseded_indexes_are_skipped() -> None:
    data = JSON.replace(b'{"packs"', b'{"supersedes":["x"],"later":{},"packs"')

    assert decode_index(data).packs == [PACK]


@pytest.mark.parametrize(
    "blob",
    [
        f'"id":"{B}","type":"blob","offset":0,"length":38',
        f'"id":"{B}","type":"data","offset":-1,"length":38',
        f'"id":"{B}","type":"data","offset":4294967296,"length":38',
        f'"id":"{B}","type":"data","offset":0,"length":31',
        f'"id":"{B}","type":"data","offset":0,"length":38,"uncompressed_length":4294967296',
        f'"id":"{B[1:]}","type":"data","offset":0,"length":38',
        f'"id":"{B.upper()}","type":"data","offset":0,"length":38',
        '"type":"data","offset":0,"length":38',
    ],
)
def test_impossible_blobs_are_malformed(blob: str) -> None:
    with pytest.raises(Malformed):
        decode_index(index_of(blob))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"packs":[{"id":"x","blobs":[]}]}'])
def test_what_is_no_index_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_index(data)
