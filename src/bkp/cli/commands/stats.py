"""bkp stats: tell how much is stored."""

from collections.abc import Sequence

import click

from bkp.cli.events import Problems
from bkp.cli.filters import filter_from, snapshot_filters
from bkp.cli.opening import open_for_reading
from bkp.cli.options import declare, settings_of
from bkp.cli.output import json_line, line, size_text
from bkp.ops.select import chosen
from bkp.ops.stats import Mode, Stats, count


@declare(
    ("bkp stats", "what restoring every snapshot would write"),
    ("bkp stats latest", "what restoring the latest would write"),
    ("bkp stats --mode raw-data", "what the snapshots take in the repository"),
    name="stats",
)
@click.argument("ids", nargs=-1, metavar="[SNAPSHOT]...")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    default=Mode.RESTORE_SIZE.value,
    help="What to count.  [default: restore-size]",
)
@snapshot_filters
@click.pass_context
def command(
    ctx: click.Context,
    ids: Sequence[str],
    mode: str,
    hosts: Sequence[str],
    tags: Sequence[str],
    paths: Sequence[str],
) -> int:
    """Tell how much is stored.

    \b
    restore-size       entries, and bytes that restoring would write
    files-by-contents  files, those of equal contents counted once
    blobs-per-file     the same, and the blobs they are made of
    raw-data           blobs, each counted once, with their size as stored
    """
    settings = settings_of(ctx)
    problems = Problems(settings)
    repo = open_for_reading(settings, problems)
    snapshots = chosen(repo.snapshots, ids, filter_from(hosts, tags, paths))
    result = count(repo, snapshots, Mode(mode), problems)
    if settings.json:
        json_line(_as_json(result))
    else:
        _print(result)
    return problems.failure_code()


def _print(result: Stats) -> None:
    line(f"{'snapshots:':<20} {result.snapshots}")
    if result.mode is not Mode.RAW_DATA:
        name = "entries:" if result.mode is Mode.RESTORE_SIZE else "files:"
        line(f"{name:<20} {result.files}")
    if result.mode in {Mode.RAW_DATA, Mode.BLOBS_PER_FILE}:
        line(f"{'blobs:':<20} {result.blobs}")
    line(f"{'size:':<20} {size_text(result.size)}")
    if result.mode is Mode.RAW_DATA and result.size:
        line(f"{'uncompressed size:':<20} {size_text(result.plain_size)}")
        line(f"{'compression ratio:':<20} {result.plain_size / result.size:.2f}")


def _as_json(result: Stats) -> dict[str, object]:
    fields: dict[str, object] = {"total_size": result.size}
    if result.mode is Mode.RAW_DATA and result.size and result.plain_size:
        fields |= {
            "total_uncompressed_size": result.plain_size,
            "compression_ratio": result.plain_size / result.size,
            "compression_progress": 100 * result.compressed_size / result.plain_size,
            "compression_space_saving": (1 - result.size / result.plain_size) * 100,
        }
    fields["total_file_count"] = result.files
    if result.blobs:
        fields["total_blob_count"] = result.blobs
    return fields | {"snapshots_count": result.snapshots}
