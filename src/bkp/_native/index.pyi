"""Types and contract of the blob index kernel, built from `ext/index`.

A blob is of one of two kinds, so `is_tree` says which.  A place is (number of
its pack, offset, sealed length, raw length), the last 0 if it is stored
without compression.  All raise ValueError for ids of a wrong size, MemoryError
without memory, and OverflowError beyond 2^28 packs.
"""

from collections.abc import Sequence
from mmap import mmap

RECORD_SIZE: int  # bytes of a blob, saved or in memory
ODD_SIZE: int  # bytes more of one whose numbers do not fit
UNKNOWN: int  # number of the pack of a blob that is not there

_Place = tuple[int, int, int, int]
_Entry = tuple[bytes, int, int, int, int]
_Blob = tuple[object, bytes, int, int, int]  # kind, id, and a place without its pack

class Staged:
    """What an index object says, not yet in an index; its length is the number of blobs."""

    def __len__(self) -> int: ...

def parse_index(text: bytes | bytearray | memoryview) -> Staged | None:
    """Read the JSON of an index object; None if it is not plain enough to be judged here."""

def stage_packs(packs: list[tuple[bytes, list[_Blob]]], tree: object) -> Staged:
    """Return packs and their blobs as if they had been parsed; `tree` is the kind of a tree."""

def stage_header(pack: bytes, header: bytes) -> Staged:
    """Return a pack as if it had been parsed, from its header; ValueError if that is none."""

def stored_order(columns: memoryview) -> bytes:
    """Return as u32 the order in which blobs lie whose places are given as by `first_each`."""

class Table:
    """All copies of all blobs; may be used by any number of threads."""

    def __init__(self, seed: int) -> None: ...
    def attach(
        self,
        saved: bytearray | mmap,
        packs: tuple[int, int],
        odd: tuple[int, int],
        data: tuple[int, int],
        tree: tuple[int, int],
    ) -> None:
        """Stand on a saved index, given as offset and count of items of its parts.

        It must be writable and must not shrink; it is never written to if it
        is a private mapping.
        """

    def add(self, staged: Staged, in_bulk: bool) -> None:
        """Add what is not there yet; in bulk, the next lookup pays for it."""

    def settle(self) -> None:
        """Pay for it now."""

    def distrust(self, is_tree: bool, name: bytes) -> None:
        """Forget all copies of a blob."""

    def has(self, is_tree: bool, name: bytes) -> bool: ...
    def first(self, is_tree: bool, name: bytes) -> _Place | None: ...
    def places(self, is_tree: bool, name: bytes) -> list[_Place]: ...
    def has_each(self, is_tree: bool, names: bytes) -> bytes:
        """Return a byte 0 or 1 for each of the concatenated ids."""

    def first_each(self, is_tree: bool, names: bytes) -> bytes:
        """Return four columns of u32: the places; pack UNKNOWN for blobs that are not there."""

    def walk(self, is_tree: bool, after: _Entry | None, room: int) -> Sequence[_Entry]:
        """Return the next copies in a fixed order, at most `room`; none at the end."""

    def export(self, is_tree: bool, after: bytes | None, room: int) -> bytes:
        """Return the next records in that order; `after` is the last one before."""

    def totals(self) -> tuple[bytes, bytes, bytes]:
        """Return for each pack: sealed bytes (u64), copies and compressed ones of them (u32)."""

    def blobs(self) -> int:
        """Return the number of blobs, however many copies there are."""

    def copies(self) -> int: ...
    def pack_id(self, number: int) -> bytes:
        """Return the id of a pack; raises IndexError."""

    def pack_ids(self) -> bytes: ...
    def odd(self) -> bytes:
        """Return the odd places, to be saved beside the records."""

    def memory(self) -> int:
        """Return the bytes in use, without what is attached."""
