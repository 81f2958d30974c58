"""The objects of a repository as they are inside: unsealed, but not interpreted.

For looking at a repository by hand and for programs that know restic's.
"""

import base64

import msgspec

from bkp.errors import UsageError
from bkp.formats.config import encode_config
from bkp.store.base import Kind, ObjectName

from .repository import Repository

_KINDS = {
    "key": Kind.KEY,
    "lock": Kind.LOCK,
    "snapshot": Kind.SNAPSHOT,
    "index": Kind.INDEX,
    "pack": Kind.PACK,
}
_IN_LINES = {Kind.KEY, Kind.LOCK, Kind.SNAPSHOT}  # JSON that is nicer to read so


def read_object(repo: Repository, kind: str, prefix: str) -> bytes:
    """Return what is in an object, given the beginning of its id.

    A pack is returned as it is stored, everything else as JSON.  Raises
    UsageError if there is no such object or several, IntegrityError if it is
    damaged.
    """
    name = _find(repo, _KINDS[kind], prefix)
    stored = repo.load_object(name)
    if name.kind is Kind.PACK:
        return stored
    plain = stored if name.kind is Kind.KEY else repo.envelope.open_file(stored)
    return _in_lines(plain) if name.kind in _IN_LINES else plain


def show_config(repo: Repository) -> bytes:
    """Return the config as JSON."""
    return _in_lines(encode_config(repo.config))


def show_master_key(repo: Repository) -> bytes:
    """Return the master key as JSON.  Whoever has it can read and forge everything."""
    key = repo.key
    texts = {
        "mac": {"k": _base64(key.k), "r": _base64(key.r)},
        "encrypt": _base64(key.encrypt),
    }
    return _in_lines(msgspec.json.encode(texts))


def _find(repo: Repository, kind: Kind, prefix: str) -> ObjectName:
    fitting = [name for name, _ in repo.store.scan(kind) if name.id.startswith(prefix)]
    if len(fitting) == 1 and prefix:
        return fitting[0]
    what = kind.name.lower()
    if not fitting:
        raise UsageError(f"there is no {what} {prefix}")
    shown = ", ".join(sorted(name.id[:12] for name in fitting[:5]))
    raise UsageError(f"{what} {prefix} is ambiguous: {shown}; give more digits")


def _in_lines(json: bytes) -> bytes:
    return msgspec.json.format(json, indent=2)


def _base64(secret: bytes) -> str:
    return base64.b64encode(secret).decode()
