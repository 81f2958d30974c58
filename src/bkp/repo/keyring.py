"""The keys of a repository: each wraps the same master key under a password."""

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from bkp.crypto.kdf import SALT_SIZE, Cost, derive_key
from bkp.crypto.seal import Key, Sealer
from bkp.errors import (
    BkpError,
    Inauthentic,
    IntegrityError,
    Malformed,
    NotFound,
    StoreError,
    UnsupportedFormat,
    UsageError,
    WrongPassword,
)
from bkp.formats.keyfile import (
    KeyFile,
    MasterKeyFile,
    decode_keyfile,
    decode_master_key,
    encode_keyfile,
    encode_master_key,
)
from bkp.store.base import Kind, ObjectName, Store
from bkp.times import format_time, local_zone, now
from bkp.users import current_user

from .wholeobjects import read_whole

# As restic: more would let a hostile store keep a client busy with scrypt for hours.
_MAX_TRIED = 20
_MAX_LOADED = 1000  # what is no key costs little, and must not keep others from being tried


@dataclass(frozen=True, slots=True)
class KeySlot:
    """One key file of a repository."""

    id: str
    file: KeyFile


@dataclass(frozen=True, slots=True, repr=False)
class OpenedKey:
    """The master key, and which key file it came from."""

    id: str
    key: Key


def key_ids(store: Store) -> list[str]:
    """Return the ids of all keys, also of damaged ones."""
    return [name.id for name, _ in store.scan(Kind.KEY)]


def list_keys(
    store: Store, on_problem: Callable[[ObjectName, BkpError], None]
) -> Iterator[KeySlot]:
    """Yield the keys of a repository, and tell of those that cannot be read; needs no password."""
    for key_id in key_ids(store):
        try:
            yield KeySlot(key_id, _load(store, key_id))
        except NotFound:
            continue
        except (IntegrityError, UnsupportedFormat, StoreError) as error:
            on_problem(ObjectName(Kind.KEY, key_id), error)


def add_key(
    store: Store, master: Key, password: str, cost: Cost, *, user: str = "", host: str = ""
) -> str:
    """Store the master key under a further password; return the new key's id."""
    salt = os.urandom(SALT_SIZE)
    wrapper = Sealer(derive_key(password, salt, cost))
    secret = encode_master_key(MasterKeyFile(encrypt=master.encrypt, k=master.k, r=master.r))
    file = KeyFile(
        created=format_time(now(), local_zone()),
        username=user or current_user().name,
        hostname=host or socket.gethostname(),
        n=cost.n,
        r=cost.r,
        p=cost.p,
        salt=salt,
        data=bytes(wrapper.seal(secret)),
    )
    encoded = encode_keyfile(file)
    name = ObjectName(Kind.KEY, sha256(encoded).hexdigest())
    if _unwrap(file, password) != master:  # before anything depends on it
        raise IntegrityError("the new key does not open; this machine's memory may be broken")
    store.put(name, encoded)
    return name.id


def remove_key(store: Store, key_id: str, in_use: str) -> None:
    """Remove a key; raises UsageError for the one the repository was opened with."""
    if key_id == in_use:
        raise UsageError("this key is in use; open the repository with another one to remove it")
    store.delete(ObjectName(Kind.KEY, key_id))


def open_master_key(store: Store, password: str, config: bytes, hint: str = "") -> OpenedKey:
    """Try the password on the keys of a repository, the one named by `hint` first.

    Only a key that opens the sealed `config` is one of this repository: who
    can write to the storage can put one of another repository there.  Raises
    WrongPassword if the password opens none; and if one of those could not be
    tried, or opened but is not of this repository, IntegrityError,
    UnsupportedFormat or StoreError that say why.
    """
    ids = sorted(key_ids(store), key=lambda id_: id_ != hint)
    if not ids:
        raise IntegrityError(f"{store.location} has no keys; without one nothing can be read")
    untried: BkpError | None = None
    tried = 0
    for key_id in ids[:_MAX_LOADED]:
        try:
            file = _load(store, key_id)
        except (IntegrityError, UnsupportedFormat, StoreError) as error:
            untried = type(error)(f"{error}; the passwords of other keys still open the repository")
            continue
        if tried == _MAX_TRIED:
            raise WrongPassword(
                f"the password opens none of {tried} keys of {store.location}, and there are more; "
                "--key-hint says which to try first"
            )
        tried += 1
        try:
            key = _unwrap(file, password)
            if key is not None:
                _ensure_opens(key, config, key_id, store.location)
                return OpenedKey(key_id, key)
        except IntegrityError as error:  # another key may still open
            untried = error
    if untried is not None:
        raise untried
    raise WrongPassword(f"the password opens no key of {store.location}")


def _ensure_opens(key: Key, config: bytes, key_id: str, location: str) -> None:
    try:
        Sealer(key).unseal(config)
    except Inauthentic as error:
        raise Inauthentic(
            f"the config of {location} is damaged, or key {key_id[:8]} is of another repository; "
            "if it is the config, only a copy of that object helps"
        ) from error


def _load(store: Store, key_id: str) -> KeyFile:
    name = ObjectName(Kind.KEY, key_id)
    data = read_whole(store, name)
    try:
        return decode_keyfile(data)
    except Malformed as error:
        raise Malformed(f"{name} is damaged: {error}") from error


def _unwrap(file: KeyFile, password: str) -> Key | None:
    cost = Cost(file.n, file.r, file.p)
    try:
        wrapper = Sealer(derive_key(password, file.salt, cost))
        secret = decode_master_key(bytes(wrapper.unseal(file.data)))
        return Key(secret.encrypt, secret.k, secret.r)
    except Inauthentic:
        return None
    except ValueError as error:
        raise Malformed("the key file holds no usable key") from error
