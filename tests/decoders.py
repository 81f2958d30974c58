"""What each decoder of stored bytes promises about any bytes at all.

`DECODERS` hold a decoder to it: bytes that it does not accept raise an error it
declares, what it accepts comes back when it is written again, others that read
the same bytes agree, and memory is bounded by the size of the bytes.  Each
tells whether they were accepted.
"""

import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

import zstandard

from bkp._native.index import parse_index, stage_header
from bkp.crypto.kdf import Cost
from bkp.crypto.seal import Key
from bkp.errors import BkpError, IntegrityError, Malformed, UnsupportedFormat
from bkp.formats.compression import decompress
from bkp.formats.config import decode_config, encode_config
from bkp.formats.encoded import decode_node, encode_node, plain_needs, subtree_of
from bkp.formats.gojson import encode
from bkp.formats.goquote import quote, unquote
from bkp.formats.headers import header_ids, pack_json
from bkp.formats.hexids import parse_hex_ids
from bkp.formats.index import IndexedPack, decode_index, encode_index
from bkp.formats.keyfile import (
    decode_keyfile,
    decode_master_key,
    encode_keyfile,
    encode_master_key,
)
from bkp.formats.lock import decode_lock, encode_lock
from bkp.formats.pack import MAX_HEADER, decode_header, encode_header, locate_header
from bkp.formats.snapshot import decode_snapshot, encode_snapshot
from bkp.formats.tree import Node, decode_tree
from bkp.formats.unpacked import unwrap, wrap
from bkp.ids import PackId, is_id, parse_id
from bkp.repo.cutting import chunker_for
from bkp.repo.index import BlobIndex, IndexContents, Place, read_index
from bkp.repo.saved_index import read_index_file
from bkp.repo.saved_verifications import decode_verifications, encode_verifications
from bkp.times import UTC, earlier, format_time, parse_time, zone_of
from frames import MAX_BLOCK
from splitting import split_tree

T = TypeVar("T")

# Of what is kept on this machine, as far as it is in the corpus.
KEY = Key(b"\1" * 32, b"\2" * 16, b"\3" * 16)
PLACE = bytes(32)

LIMIT = 1 << 20  # bytes that frames may unfold to

# Windows of frames: what any encoder asks for, and what the format can ask for.
_WINDOW, _LARGEST_WINDOW = 128 << 20, 1 << 31

_PACK = PackId(bytes(range(32)))

# What a decoder may take: so many times the size of the data, for JSON is denser than objects (a
# member of 7 bytes can become a dict of 232), and what is compiled or cached at the first call.
_TIMES = 64
_SLACK = 2 << 20  # bytes


Refusals = tuple[type[BkpError], ...]


def decoded(
    decode: Callable[[bytes], T], data: bytes, refusals: Refusals = (Malformed,), *, room: int = 0
) -> T | None:
    """Return what a decoder makes of data, None if it refuses them as it declares.

    `room` is memory that it may take beyond what follows from their size.
    """
    tracemalloc.start()
    try:
        return decode(data)
    except refusals:
        return None
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak <= _TIMES * len(data) + _SLACK + room


def comes_back(
    decode: Callable[[bytes], T],
    encode_again: Callable[[T], bytes],
    refusals: Refusals = (Malformed,),
) -> Callable[[bytes], bool]:
    """Return what holds a decoder to it that nothing it accepts is lost when it is written."""

    def check(data: bytes) -> bool:
        value = decoded(decode, data, refusals)
        if value is None:
            return False
        assert decode(encode_again(value)) == value
        return True

    return check


def tree(data: bytes) -> bool:
    """Trees, read as nodes or as bytes."""
    nodes = decoded(decode_tree, data)
    needs = plain_needs(data)
    try:
        found = split_tree(data)
    except Malformed:
        assert nodes is None
        assert needs is None
        return False
    assert nodes is not None
    assert {name: _told(decode_node(node)) for name, node in found.items()} == {
        node.name: _told(node) for node in nodes
    }
    once = [encode_node(node) for node in nodes]
    assert [encode_node(decode_node(node)) for node in once] == once
    assert encode(decode_tree(encode({"nodes": nodes}))) == encode(nodes)
    for node, text in zip(nodes, once, strict=True):
        _check_node(node, text)
    if needs is not None:
        contents = [text for node in nodes for text in node.content or ()]
        assert needs[0].hex() == "".join(contents)
        assert needs[1].hex() == "".join(node.subtree for node in nodes)
    return True


def _told(node: Node) -> tuple[object, ...]:
    # The target is left out: what it is taken for can depend on the rest of the tree.
    return (node.name, node.type, node.mode, node.size, node.user, node.content, node.subtree)


def _check_node(node: Node, text: bytes) -> None:
    assert isinstance(node.target, bytes)
    expected = bytes.fromhex(node.subtree) if node.type == "dir" and node.subtree else None
    assert subtree_of(text) == expected
    for instant in ("mtime_ns", "atime_ns", "ctime_ns"):
        with suppress(Malformed):
            assert isinstance(getattr(node, instant), int)


def index(data: bytes) -> bool:
    """Index objects, read natively or by the general parser."""
    expected = decoded(decode_index, data)
    staged = parse_index(data)
    if expected is None:
        assert staged is None
        assert decoded(read_index, data) is None
        return False
    places = {Place(pack.id, blob) for pack in expected.packs for blob in pack.blobs}
    read = decoded(read_index, data)
    assert read is not None
    assert _places(read.packs) == places
    assert read.marked == expected.packs_to_delete
    assert staged is None or _places(staged) == places
    again = encode_index(expected.packs, 2, expected.packs_to_delete, expected.writers)
    assert decode_index(again) == expected
    return True


def _places(contents: IndexContents) -> set[Place]:
    table = BlobIndex()
    table.take(contents)
    return set(table.all_places())


def pack_header(data: bytes) -> bool:
    """Headers of packs, unsealed, read into objects or natively."""
    blobs = decoded(decode_header, data)
    if blobs is None:
        for read in (header_ids, partial(pack_json, _PACK), partial(stage_header, _PACK)):
            with suppress(ValueError):  # they are for our own headers, and say no more
                read(data)
        return False
    assert header_ids(data) == [blob.id for blob in blobs]
    assert _places(stage_header(_PACK, data)) == {Place(_PACK, blob) for blob in blobs}
    described = b'{"packs":[' + pack_json(_PACK, data) + b"]}"
    assert decode_index(described).packs == [IndexedPack(_PACK, blobs)]
    assert encode_header(blobs) == data
    return True


def pack_tail(data: bytes) -> bool:
    """Ends of packs, from which their headers are found; the first 5 bytes are the pack's size."""
    size = int.from_bytes(data[:5], "big")
    place = decoded(lambda tail: locate_header(tail[5:], size), data)
    if place is None:
        return False
    assert 0 <= place.offset < place.offset + place.length + 4 == size
    assert place.length <= MAX_HEADER
    return True


def config(data: bytes) -> bool:
    """Configs, and what they say of how to cut."""
    if not _config(data):
        return False
    with suppress(UnsupportedFormat):
        chunker_for(decode_config(data), KEY)
    return True


_config = comes_back(decode_config, encode_config, (Malformed, UnsupportedFormat))


def keyfile(data: bytes) -> bool:
    """Key files, and what they say scrypt is to cost."""
    if not _keyfile(data):
        return False
    file = decode_keyfile(data)
    decoded(lambda _: Cost(file.n, file.r, file.p), data)
    return True


_keyfile = comes_back(decode_keyfile, encode_keyfile, (Malformed, UnsupportedFormat))


def snapshot(data: bytes) -> bool:
    """Snapshots, and the time they are of."""
    if not _snapshot(data):
        return False
    found = decode_snapshot(data)
    _check_time(found.time, found.time_ns)
    return True


_snapshot = comes_back(decode_snapshot, encode_snapshot)


def zstd_frames(data: bytes) -> bool:
    """Zstandard frames: what is accepted is what the library makes of them."""
    plain = decoded(lambda packed: decompress(packed, LIMIT), data, room=2 * LIMIT)
    if plain is None:
        return False
    # Where a frame breaks a rule it depends on the way whether the library minds.
    if plain != _unfolded(data, _WINDOW, first=4, then=64):
        assert plain == _unfolded(data, _LARGEST_WINDOW, first=len(data), then=0)
    return True


def _unfolded(data: bytes, window: int, *, first: int, then: int) -> bytes | None:
    """Unfold frames by so many bytes; None if the library minds."""
    plain = bytearray()
    while data:
        frame = zstandard.ZstdDecompressor(max_window_size=window).decompressobj()
        size = first
        while data and not frame.eof:
            try:
                plain += frame.decompress(data[:size])
            except zstandard.ZstdError:
                return None
            data = (frame.unused_data if frame.eof else b"") + data[size:]
            size = then
    return bytes(plain) if frame.eof else None


def unpacked(data: bytes) -> bool:
    """What snapshots, indexes and locks are wrapped in."""
    plain = decoded(unwrap, data, room=len(data) // 3 * MAX_BLOCK)
    if plain is None:
        return False
    assert unwrap(wrap(plain, 2)) == plain
    return True


def name(data: bytes) -> bool:
    """Names as they are quoted in trees; any text."""
    text = data.decode("utf-8", "surrogateescape")
    raw = decoded(lambda _: unquote(text), data)
    if raw is None:
        return False
    assert unquote(quote(raw)) == raw
    return True


def time(data: bytes) -> bool:
    """Times; any text."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        ns = parse_time(text)
    except ValueError:
        return False
    _check_time(text, ns)
    return True


def _check_time(text: str, ns: int) -> None:
    if parse_time("0000-01-01T00:00:00Z") <= ns <= parse_time("9999-12-31T23:59:59.999999999Z"):
        assert parse_time(format_time(ns, UTC)) == ns
    offset_at = zone_of(text, UTC)
    assert abs(offset_at(ns // 10**9)) < 100 * 3600
    assert earlier(ns, offset_at, years=1, months=1) < ns


def hex_ids(data: bytes) -> bool:
    """Identities, one a line; any text."""
    texts = data.decode("utf-8", "surrogateescape").split("\n")
    ids = decoded(lambda _: parse_hex_ids(texts), data)
    assert (ids is not None) == all(map(is_id, texts))
    if ids is None:
        return False
    assert ids == [parse_id(text) for text in texts]
    return True


def saved_index(data: bytes) -> bool:
    """Saved indexes, which are accepted only as they were written."""
    saved = decoded(lambda file: read_index_file(bytearray(file), KEY), data, (IntegrityError,))
    if saved is None:
        return False
    table = BlobIndex()
    table.attach(saved.data, saved.layout)
    assert len(list(table.all_places())) == table.copies()
    return True


_verified_packs = comes_back(
    lambda data: decode_verifications(data, PLACE, KEY),
    lambda found: encode_verifications(found, PLACE, KEY),
    (IntegrityError,),
)

DECODERS: dict[str, Callable[[bytes], bool]] = {
    "tree": tree,
    "index": index,
    "pack-header": pack_header,
    "pack-tail": pack_tail,
    "config": config,
    "key": keyfile,
    "master-key": comes_back(decode_master_key, encode_master_key),
    "snapshot": snapshot,
    "lock": comes_back(decode_lock, encode_lock),
    "frames": zstd_frames,
    "unpacked": unpacked,
    "name": name,
    "time": time,
    "ids": hex_ids,
    "saved-index": saved_index,
    "verified-packs": _verified_packs,
}
