"""The config of a repository: fetched, and opened with its key."""

from bkp.chunking.polynomial import is_irreducible
from bkp.crypto.seal import Key, Sealer
from bkp.errors import IntegrityError, NoRepository, NotFound, UnsupportedFormat
from bkp.formats.config import Config, decode_config
from bkp.store.base import CONFIG, Kind, Store


def fetch_config(store: Store) -> bytes:
    """Return the config as it is stored; raises NoRepository if there is none."""
    try:
        return store.get(CONFIG)
    except NotFound:
        # A key alone is what an `init` leaves that was interrupted.
        if any(True for kind in (Kind.SNAPSHOT, Kind.INDEX) for _ in store.scan(kind)):
            reason = f"the config of {store.location} is missing; only a copy of that object helps"
        else:
            reason = f"there is no repository at {store.location}"
        raise NoRepository(reason) from None


def open_config(sealed: bytes, key: Key, location: str) -> Config:
    """Return what a config says.

    Raises IntegrityError if it is damaged, UnsupportedFormat for what this
    version cannot work with.
    """
    try:
        config = decode_config(bytes(Sealer(key).unseal(sealed)))
    except IntegrityError as error:
        raise type(error)(f"the config of {location} is damaged: {error}") from error
    if not is_irreducible(config.chunker_polynomial):
        raise UnsupportedFormat(f"the config of {location} has an unusable polynomial")
    return config
