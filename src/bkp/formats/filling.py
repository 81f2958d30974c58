"""Packs being filled: bytes, and the header that says what they are.

The memory of a pack is used again for the next, and no Python object stands
for any blob in it.  The header, not sealed, is all that is kept of those; what
an index needs is read from it.
"""

from bkp._native.packs import Filling, header_ids, pack_json

__all__ = ["Filling", "header_ids", "pack_json"]
