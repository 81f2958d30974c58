"""The objects of a repository as they are inside: unsealed, but not interpreted.

For looking at a repository by hand and for programs that know restic's.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256

import msgspec

from bkp.errors import Malformed, Missing, UsageError
from bkp.events import Problem, Reporter
from bkp.formats.config import encode_config
from bkp.formats.pack import BlobType
from bkp.ids import BlobId
from bkp.store.base import Kind, ObjectName

from .index import Place
from .repository import Repository

_KINDS = {
    "key": Kind.KEY,
    "lock": Kind.LOCK,
    "snapshot": Kind.SNAPSHOT,
    "index": Kind.INDEX,
    "pack": Kind.PACK,
}
_PREFIX = re.compile(r"[0-9a-f]{1,64}")
_SHOWN = 5  # of those that an ambiguous prefix may mean
_IN_LINES = {Kind.KEY, Kind.LOCK, Kind.SNAPSHOT}  # JSON that is nicer to read so


def stored_objects(repo: Repository, kind: str) -> Iterator[tuple[str, int]]:
    """Yield id and size in bytes of every object of a kind, in no order; none is read."""
    return ((name.id, size) for name, size in repo.store.scan(_KINDS[kind]))


def read_object(repo: Repository, kind: str, prefix: str) -> bytes:
    """Return what is in an object as JSON, given the beginning of its id.

    Raises UsageError if there is no such object or several, IntegrityError if
    it is damaged.
    """
    name = _find(repo, _KINDS[kind], prefix)
    stored = repo.load_object(name)
    plain = stored if name.kind is Kind.KEY else repo.envelope.open_file(stored)
    return _in_lines(plain) if name.kind in _IN_LINES else plain


def read_pack(repo: Repository, prefix: str, report: Reporter) -> bytes:
    """Return a pack as it is stored, given the beginning of its id; damage is only reported.

    Raises UsageError if there is no such pack or several.
    """
    name = _find(repo, Kind.PACK, prefix)
    stored = repo.store.get(name)
    if sha256(stored).hexdigest() != name.id:
        report(Problem("cat", str(name).encode(), "it is damaged: its SHA-256 is not its name"))
    return stored


def find_blob(repo: Repository, prefix: str) -> tuple[BlobType, BlobId]:
    """Return type and id of a blob, given the beginning of its id; needs the index.

    Raises Missing if no index names such a blob, and UsageError if the prefix
    is none or there are several.
    """
    refuse_what_begins_no_id(prefix)
    fitting = {
        name.hex(): kind  # a blob that is there as both types has the same contents as both
        for kind in BlobType
        for index in (repo.index, repo.marked)
        for name in index.beginning_with(kind, prefix, _SHOWN)
    }
    if not fitting:
        raise Missing(f"blob {prefix} is in no index")
    found = only_one("blob", prefix, fitting)
    return fitting[found], BlobId(bytes.fromhex(found))


def places_of(repo: Repository, kind: BlobType, name: BlobId) -> list[Place]:
    """Return every copy of a blob, those in packs that are marked to be deleted last."""
    return repo.index.places(kind, name) + repo.marked.places(kind, name)


def only_one(what: str, prefix: str, ids: Iterable[str]) -> str:
    """Return the one id that begins so; raises UsageError if there is none or there are several."""
    refuse_what_begins_no_id(prefix)
    fitting = [name for name in ids if name.startswith(prefix)]
    if not fitting:
        raise UsageError(f"there is no {what} {prefix}")
    if len(fitting) > 1:
        shown = ", ".join(sorted(name[:12] for name in fitting[:_SHOWN]))
        raise UsageError(f"{what} {prefix} is ambiguous: {shown}; give more digits")
    return fitting[0]


def refuse_what_begins_no_id(prefix: str) -> None:
    """Raise UsageError unless an id may begin so."""
    if not _PREFIX.fullmatch(prefix):
        raise UsageError(f"{prefix!r} begins no id; ids have 64 hex digits in lower case")


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
    ids = (name.id for name, _ in repo.store.scan(kind))
    return ObjectName(kind, only_one(kind.name.lower(), prefix, ids))


def _in_lines(json: bytes) -> bytes:
    try:
        return msgspec.json.format(json, indent=2)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Malformed(f"it is no JSON: {error}") from error


def _base64(secret: bytes) -> str:
    return base64.b64encode(secret).decode()
