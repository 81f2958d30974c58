"""Properties of every format: what is written comes back."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies as own
from bkp.errors import Malformed
from bkp.formats.compression import Level, compress, decompress
from bkp.formats.config import Config, decode_config, encode_config
from bkp.formats.gojson import decode, encode
from bkp.formats.goquote import quote, unquote
from bkp.formats.index import Index, IndexedPack, decode_index, encode_index
from bkp.formats.keyfile import (
    KeyFile,
    MasterKeyFile,
    decode_keyfile,
    decode_master_key,
    encode_keyfile,
    encode_master_key,
)
from bkp.formats.lock import LockFile, decode_lock, encode_lock
from bkp.formats.pack import (
    PackedBlob,
    decode_header,
    encode_header,
    header_size,
    pack_size,
)
from bkp.formats.snapshot import Snapshot, decode_snapshot, encode_snapshot
from bkp.formats.tree import Node, decode_tree, encode_tree
from bkp.formats.unpacked import unwrap, wrap
from bkp.times import UTC, format_time, parse_time


@given(st.binary(max_size=60))
def test_any_name_survives_quoting(name: bytes) -> None:
    quoted = quote(name)

    assert unquote(quoted) == name
    assert quoted.isprintable() or not quoted.isascii()


@given(own.instants)
def test_any_instant_survives_its_text(ns: int) -> None:
    assert parse_time(format_time(ns, UTC)) == ns


@given(own.json_values)
def test_any_value_survives_json(value: object) -> None:
    assert decode(encode(value), object) == value


@given(own.trees)
def test_any_tree_comes_back(tree: list[Node]) -> None:
    data = encode_tree(tree)

    again = decode_tree(data)

    assert again == tree
    assert encode_tree(again) == data


@given(own.names)
def test_any_link_target_comes_back(target: bytes) -> None:
    node = Node(quoted_name="link", type="symlink", content=None)
    node.target = target

    (again,) = decode_tree(encode_tree([node]))

    assert again.target == target


@given(st.lists(own.names, min_size=1, max_size=3))
def test_a_tree_with_lost_bytes_comes_back_to_the_same_bytes(texts: list[bytes]) -> None:
    node = Node(quoted_name="link", type="symlink", content=None)
    node.linktarget, *owners = map(os.fsdecode, texts)
    node.user, node.group = ([*owners, "", ""])[:2]
    data = encode_tree([node])

    assert encode_tree(decode_tree(data)) == data


@given(own.pack_contents)
def test_any_pack_header_comes_back(blobs: list[PackedBlob]) -> None:
    header = encode_header(blobs)

    assert decode_header(header) == blobs
    assert header_size(blobs) == len(header) + 32 + 4
    assert pack_size(blobs) == sum(blob.length for blob in blobs) + header_size(blobs)


@given(st.lists(own.indexed_packs, max_size=4), st.lists(own.indexed_packs, max_size=2))
def test_any_index_comes_back(packs: list[IndexedPack], to_delete: list[IndexedPack]) -> None:
    data = encode_index(packs, 2, to_delete)

    assert decode_index(data) == Index(packs, to_delete)


@given(own.configs)
def test_any_config_comes_back(config: Config) -> None:
    assert decode_config(encode_config(config)) == config


@given(own.keyfiles)
def test_any_key_file_comes_back(file: KeyFile) -> None:
    assert decode_keyfile(encode_keyfile(file)) == file


@given(own.master_keys)
def test_any_master_key_comes_back(key: MasterKeyFile) -> None:
    assert decode_master_key(encode_master_key(key)) == key


@given(own.locks)
def test_any_lock_comes_back(lock: LockFile) -> None:
    assert decode_lock(encode_lock(lock)) == lock


@given(own.snapshots)
def test_any_snapshot_comes_back(snapshot: Snapshot) -> None:
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot


@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=3), st.sampled_from(Level))
def test_any_frames_unfold_within_their_size_and_not_below(
    plains: list[bytes], level: Level
) -> None:
    data = b"".join(compress(plain, level) for plain in plains)
    plain = b"".join(plains)

    assert decompress(data, len(plain)) == plain
    if plain:
        with pytest.raises(Malformed):
            decompress(data, len(plain) - 1)


@given(own.json_values.map(lambda value: encode({"a": value})), st.sampled_from([1, 2]))
def test_any_object_survives_wrapping(data: bytes, version: int) -> None:
    assert unwrap(wrap(data, version)) == data
