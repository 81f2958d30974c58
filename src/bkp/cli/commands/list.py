"""bkp list: the names of what a repository is made of."""

from collections.abc import Iterator

import click

from bkp.cli.events import Problems
from bkp.cli.opening import open_unindexed
from bkp.cli.options import declare, settings_of
from bkp.cli.output import json_lines, lines
from bkp.repo.index import Place
from bkp.repo.objects import stored_objects
from bkp.repo.repository import Repository

_OBJECTS = {
    "packs": "pack",
    "index": "index",
    "snapshots": "snapshot",
    "keys": "key",
    "locks": "lock",
}


@declare(
    ("bkp list snapshots", "ids, also of those that are damaged"),
    ("bkp list locks | xargs -rn1 bkp cat lock", "who holds one"),
    ("bkp list blobs | grep -c ^tree", "how many trees there are"),
    ("bkp list packs --json", "with sizes; of blobs with their places"),
    name="list",
)
@click.argument("what", type=click.Choice(["blobs", *_OBJECTS]))
@click.pass_context
def command(ctx: click.Context, what: str) -> int:
    """List the names of what the repository is made of.

    One a line, in no order.  Only directories are read, so damage does not
    matter; but blobs are listed as the index has them, with their type and
    once for each copy.  With --json every line is a JSON object.
    """
    settings = settings_of(ctx)
    problems = Problems(settings)
    repo = open_unindexed(settings, problems)
    if what == "blobs":
        repo.load_intact_index()
        places = repo.index.all_places()
        if settings.json:
            json_lines(_place_json(place) for place in places)
        else:
            lines(f"{_type_of(place)} {place.blob.id.hex()}" for place in places)
    elif settings.json:
        json_lines(_objects_json(repo, _OBJECTS[what]))
    else:
        lines(name for name, _ in stored_objects(repo, _OBJECTS[what]))
    return problems.failure_code()


def _objects_json(repo: Repository, kind: str) -> Iterator[dict[str, object]]:
    for name, size in stored_objects(repo, kind):
        yield {"id": name, "size": size}


def _place_json(place: Place) -> dict[str, object]:
    """Return a blob with the fields that it has in an index object, and its pack."""
    blob = place.blob
    fields: dict[str, object] = {
        "id": blob.id.hex(),
        "type": _type_of(place),
        "pack": place.pack.hex(),
        "offset": blob.offset,
        "length": blob.length,
    }
    if blob.raw_length:
        fields["uncompressed_length"] = blob.raw_length
    return fields


def _type_of(place: Place) -> str:
    return place.blob.type.name.lower()
