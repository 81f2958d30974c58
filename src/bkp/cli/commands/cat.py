"""bkp cat: print a file of a snapshot, or an object of the repository."""

import os
import sys
from collections.abc import Callable

import click

from bkp.cli.events import Problems
from bkp.cli.opening import open_for_reading, open_unindexed
from bkp.cli.options import Settings, declare, settings_of
from bkp.errors import UsageError
from bkp.formats.pack import BlobType
from bkp.ops.dump.run import write_file
from bkp.ops.locate import Operand, absolute, find_place, parse_operand
from bkp.repo.objects import find_blob, read_object, read_pack, show_config, show_master_key

_OBJECTS = ("snapshot", "index", "key", "lock")


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [word for word in (*_OBJECTS, *_SPECIAL, "latest") if word.startswith(incomplete)]


@declare(
    ("bkp cat latest:/etc/fstab", "a file of the latest snapshot"),
    ("bkp cat 1a2b3c4d /etc/fstab > fstab", "the same, of another"),
    ("bkp cat snapshot latest", "a snapshot as it is stored"),
    ("bkp cat blob ID, pack ID, index ID, key ID, lock ID", "other objects"),
    ("bkp cat config, masterkey, tree SNAPSHOT:PATH", "and more of them"),
    name="cat",
)
@click.argument("what", metavar="SNAPSHOT[:PATH] | TYPE", shell_complete=_complete)
@click.argument("which", required=False, metavar="[PATH | ID]")
@click.pass_context
def command(ctx: click.Context, what: str, which: str | None) -> int:
    """Print a file of a snapshot, or an object of the repository.

    Of an id its first digits are enough, if no other begins so.  A damaged
    pack is printed as it is, and the exit code is 1.
    """
    settings = settings_of(ctx)
    problems = Problems(settings)
    if what in _SPECIAL:
        _write(_SPECIAL[what](settings, problems, which))
    elif what in _OBJECTS:
        _write(_object(settings, problems, what, which))
    else:
        _cat_file(settings, problems, what, which)
    return problems.failure_code()


def _cat_file(settings: Settings, problems: Problems, what: str, which: str | None) -> None:
    operand = parse_operand(what)
    if which is not None:
        below = operand.path.rstrip(b"/") + absolute(os.fsencode(which))
        operand = Operand(operand.snapshot, absolute(below))
    if operand.path == b"/":
        raise UsageError(f"which file? `bkp cat {operand.snapshot}:PATH`, and `bkp ls` lists them")
    repo = open_for_reading(settings, problems)
    node = find_place(repo, operand).node
    if node is None or node.type != "file":
        kind = "directory" if node is None or node.type == "dir" else node.type
        raise UsageError(
            f"{os.fsdecode(operand.path)} is a {kind}, not a file"
            + ("; `bkp dump` writes directories" if kind == "directory" else "")
        )
    write_file(repo, node, sys.stdout.buffer)


def _object(settings: Settings, problems: Problems, kind: str, which: str | None) -> bytes:
    name = _needed(kind, which)
    repo = open_unindexed(settings, problems)
    if kind == "snapshot":
        name = repo.snapshots.find(name).id.hex()
    return _ended(read_object(repo, kind, name))


def _config(settings: Settings, problems: Problems, _: str | None) -> bytes:
    return _ended(show_config(open_unindexed(settings, problems)))


def _master_key(settings: Settings, problems: Problems, _: str | None) -> bytes:
    return _ended(show_master_key(open_unindexed(settings, problems)))


def _pack(settings: Settings, problems: Problems, which: str | None) -> bytes:
    prefix = _needed("pack", which)
    return read_pack(open_unindexed(settings, problems), prefix, problems)


def _blob(settings: Settings, problems: Problems, which: str | None) -> bytes:
    prefix = _needed("blob", which)
    repo = open_for_reading(settings, problems)
    return repo.read_blob(*find_blob(repo, prefix))


def _tree(settings: Settings, problems: Problems, which: str | None) -> bytes:
    operand = parse_operand(_needed("tree", which))
    repo = open_for_reading(settings, problems)
    return repo.read_blob(BlobType.TREE, find_place(repo, operand).tree)


_SPECIAL: dict[str, Callable[[Settings, Problems, str | None], bytes]] = {
    "config": _config,
    "masterkey": _master_key,
    "pack": _pack,
    "blob": _blob,
    "tree": _tree,
}


def _needed(kind: str, which: str | None) -> str:
    if which is None:
        raise UsageError(f"which {kind}? give its id")
    return which


def _ended(text: bytes) -> bytes:
    return text if text.endswith(b"\n") else text + b"\n"


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
