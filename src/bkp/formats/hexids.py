"""Identities as JSON holds them, many at a time.

A tree or an index can name a million blobs; looking at each of them by itself
takes longer than all the rest of reading it.
"""

from collections.abc import Sequence

from bkp.errors import Malformed
from bkp.ids import ID_SIZE


def parse_hex_ids(texts: Sequence[str]) -> list[bytes]:
    """Return the bytes of identities.

    Raises Malformed unless each is exactly 64 lower-case hex digits.
    """
    joined = "".join(texts)
    try:
        raw = bytes.fromhex(joined)  # passes over spaces, but then it comes out too short
    except ValueError as error:
        raise Malformed("an id is not 64 hex digits") from error
    if len(raw) != ID_SIZE * len(texts) or joined != joined.lower():
        raise Malformed("an id is not 64 lower-case hex digits")
    if any(len(text) != 2 * ID_SIZE for text in texts):
        raise Malformed("an id is not 64 hex digits")
    return [raw[i : i + ID_SIZE] for i in range(0, len(raw), ID_SIZE)]


def parse_hex_id(text: str) -> bytes:
    """Return the bytes of one identity; Malformed as above."""
    return parse_hex_ids((text,))[0]
