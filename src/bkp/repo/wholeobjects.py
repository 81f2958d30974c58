"""An object read whole, and held against its name."""

from hashlib import sha256

from bkp.errors import Inauthentic
from bkp.store.base import ObjectName, Store

_LOOKS = 2  # a bit may flip on the way too, and what is damaged may be removed


def read_whole(store: Store, name: ObjectName) -> bytes:
    """Return an object whose name is its SHA-256.

    Raises Inauthentic if it is not, also when read once more, and what
    `Store.get` raises.
    """
    for _ in range(_LOOKS):
        data = store.get(name)
        if sha256(data).hexdigest() == name.id:
            return data
    raise Inauthentic(f"{name} is damaged: it does not match its name")
