"""Headers of packs as bytes, with no Python object for any blob in them.

A header, not sealed, is all that is kept of a pack that is written; what an
index needs is read from it.  `pack` has the layout, and the same for those who
want to look at each blob.
"""

from bkp._native.packs import header_entries, header_ids, pack_json

__all__ = ["header_entries", "header_ids", "pack_json"]
