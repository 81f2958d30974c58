"""bkp cat: print a file of a snapshot, or an object of the repository."""

import os
import sys
from collections.abc import Callable

import click

from bkp.cli.filters import filter_from
from bkp.cli.opening import open_for_reading, open_unindexed
from bkp.cli.options import Settings, declare, settings_of
from bkp.errors import Missing, UsageError
from bkp.formats.pack import BlobType
from bkp.ids import BlobId, parse_id
from bkp.ops.dump.run import write_file
from bkp.ops.locate import Operand, absolute, find_place, parse_operand
from bkp.repo.objects import read_object, show_config, show_master_key
from bkp.repo.repository import Repository

_OBJECTS = ("snapshot", "index", "key", "lock", "pack")


@declare(
    ("bkp cat latest:/etc/fstab", "a file of the latest snapshot"),
    ("bkp cat 1a2b3c4d /etc/fstab > fstab", "the same, of another"),
    ("bkp cat snapshot latest", "a snapshot as it is stored"),
    ("bkp cat blob ID, pack ID, index ID, key ID, lock ID", "other objects"),
    ("bkp cat config, masterkey, tree SNAPSHOT:PATH", "and more of them"),
    name="cat",
)
@click.argument("what", metavar="SNAPSHOT[:PATH] | TYPE")
@click.argument("which", required=False, metavar="[PATH | ID]")
@click.pass_context
def command(ctx: click.Context, what: str, which: str | None) -> None:
    """Print a file of a snapshot, or an object of the repository."""
    settings = settings_of(ctx)
    if what in _SPECIAL:
        _write(_SPECIAL[what](settings, which))
    elif what in _OBJECTS:
        _write(_object(settings, what, which))
    else:
        _cat_file(settings, what, which)


def _cat_file(settings: Settings, what: str, which: str | None) -> None:
    operand = parse_operand(what)
    if which is not None:
        below = operand.path.rstrip(b"/") + absolute(os.fsencode(which))
        operand = Operand(operand.snapshot, absolute(below))
    if operand.path == b"/":
        raise UsageError(f"which file? `bkp cat {operand.snapshot}:PATH`, and `bkp ls` lists them")
    repo = open_for_reading(settings)
    node = find_place(repo, operand).node
    if node is None or node.type != "file":
        kind = "directory" if node is None or node.type == "dir" else node.type
        raise UsageError(
            f"{os.fsdecode(operand.path)} is a {kind}, not a file"
            + ("; `bkp dump` writes directories" if kind == "directory" else "")
        )
    write_file(repo, node, sys.stdout.buffer)


def _object(settings: Settings, kind: str, which: str | None) -> bytes:
    name = _needed(kind, which)
    repo = open_unindexed(settings)
    if kind == "snapshot":
        name = repo.snapshots.find(name).id.hex()
    return _ended(read_object(repo, kind, name), is_text=kind != "pack")


def _config(settings: Settings, _: str | None) -> bytes:
    return _ended(show_config(open_unindexed(settings)), is_text=True)


def _master_key(settings: Settings, _: str | None) -> bytes:
    return _ended(show_master_key(open_unindexed(settings)), is_text=True)


def _blob(settings: Settings, which: str | None) -> bytes:
    try:
        name = BlobId(parse_id(_needed("blob", which)))
    except ValueError:
        raise UsageError("a blob is named by all 64 digits of its id") from None
    repo = open_for_reading(settings)
    return repo.read_blob(_type_of(repo, name), name)


def _type_of(repo: Repository, name: BlobId) -> BlobType:
    for kind in BlobType:
        if repo.plain_size(kind, name) is not None:
            return kind
    raise Missing(f"blob {name.hex()} is in no index")


def _tree(settings: Settings, which: str | None) -> bytes:
    repo = open_for_reading(settings)
    place = find_place(repo, parse_operand(_needed("tree", which)), filter_from((), (), ()).matches)
    return repo.read_blob(BlobType.TREE, place.tree)


_SPECIAL: dict[str, Callable[[Settings, str | None], bytes]] = {
    "config": _config,
    "masterkey": _master_key,
    "blob": _blob,
    "tree": _tree,
}


def _needed(kind: str, which: str | None) -> str:
    if which is None:
        raise UsageError(f"which {kind}? give its id")
    return which


def _ended(data: bytes, *, is_text: bool) -> bytes:
    return data if not is_text or data.endswith(b"\n") else data + b"\n"


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
