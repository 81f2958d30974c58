"""Types and contract of the packs kernel, built from `ext/packs`.

A header is that of a pack as formats.pack describes it, not sealed;
ValueError for what is none, and for ids that are not 32 bytes.
"""

from bkp.ids import BlobId

def header_entries(
    names: list[BlobId], lengths: list[int], raw_lengths: list[int], is_tree: bool
) -> bytes:
    """Return the part of a header that says what these blobs are.

    Lengths are those of what is sealed; raw ones are 0 if it is not compressed.
    """

def header_ids(header: bytes) -> list[BlobId]:
    """Return the ids of the blobs."""

def pack_json(pack: bytes, header: bytes) -> bytes:
    """Return what an index object says of a pack: `{"id":...,"blobs":[...]}`."""
