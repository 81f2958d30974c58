"""What `find` found, as lines or in restic's JSON."""

from collections.abc import Iterable
from itertools import groupby

from bkp.formats.pack import BlobType
from bkp.ids import BlobId
from bkp.ops.find.ids import Use
from bkp.ops.find.names import Hits
from bkp.repo.objects import places_of
from bkp.repo.repository import Repository
from bkp.repo.snapshots import SavedSnapshot

from .nodes import found_json, node_line
from .output import line, local_time_text, path_text, safe

Blob = tuple[BlobType, BlobId]

_WORDS = {BlobType.DATA: "blob", BlobType.TREE: "tree"}  # restic's


def print_hits(hits: Iterable[Hits], *, is_long: bool, human_sizes: bool) -> None:
    """Print entries found by name, snapshot by snapshot."""
    for number, one in enumerate(hits):
        _print_snapshot(number, one.saved)
        for found in one.found:
            line(node_line(found, is_long=is_long, human_sizes=human_sizes))


def hits_json(hits: Hits) -> dict[str, object]:
    """Return the entries found by name in one snapshot."""
    return {
        "matches": [found_json(found) for found in hits.found],
        "hits": len(hits.found),
        "snapshot": hits.saved.id.hex(),
    }


def print_uses(uses: Iterable[Use]) -> list[Blob]:
    """Print where blobs are used, snapshot by snapshot; return the blobs, each once."""
    met: dict[Blob, None] = {}
    for number, (_, some) in enumerate(groupby(uses, key=lambda use: use.saved.id)):
        for position, use in enumerate(some):
            if position == 0:
                _print_snapshot(number, use.saved)
            met[use.kind, use.id] = None
            _print_blob(use.kind, use.id)
            path = safe(path_text(use.path))
            if use.parent is None:
                line(f"  of the directory {path}")
            else:
                line(f"  in the file {path}, of tree {use.parent.hex()[:8]}")
    return list(met)


def print_places(repo: Repository, blobs: Iterable[Blob]) -> None:
    """Print in which packs blobs are, and where there."""
    for number, (kind, name) in enumerate(blobs):
        if number:
            line("")
        _print_blob(kind, name)
        places = places_of(repo, kind, name)
        if not places:
            line("  in no pack that an index names")
        for pack, blob in places:
            line(f"  in pack {pack.hex()}")
            plain = f", {blob.raw_length} uncompressed" if blob.raw_length else ""
            line(f"  at offset {blob.offset}, {blob.length} bytes{plain}")


def use_json(use: Use, repo: Repository | None) -> dict[str, object]:
    """Return a use; with a repository also the packs that the blob is in, which restic has not."""
    fields: dict[str, object] = {
        "object_type": _WORDS[use.kind],
        "id": use.id.hex(),
        "path": path_text(use.path),
    }
    if use.parent is not None:
        fields["parent_tree"] = use.parent.hex()
    fields |= {"snapshot": use.saved.id.hex(), "time": use.saved.snapshot.time}
    if repo is not None:
        fields["packs"] = [place.pack.hex() for place in places_of(repo, use.kind, use.id)]
    return fields


def _print_snapshot(number: int, saved: SavedSnapshot) -> None:
    if number:
        line("")
    when = local_time_text(saved.snapshot.time_ns)
    line(f"found in snapshot {saved.id.hex()[:8]} of {when}:")


def _print_blob(kind: BlobType, name: BlobId) -> None:
    line(f"{_WORDS[kind]} {name.hex()}")
