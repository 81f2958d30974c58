"""Find, make and open the repository that a command works on."""

import os
from pathlib import Path

import click
import platformdirs

from bkp.errors import NoRepository, UsageError
from bkp.events import Reporter, ignore
from bkp.formats.compression import Level
from bkp.repo.repository import (
    NewRepository,
    Repository,
    RepositoryOptions,
    init_repository,
    open_repository,
)
from bkp.store.discarding import DiscardingStore
from bkp.store.locations import create_store, open_store

from .collecting import collect_rarely
from .durations import seconds_of
from .memory import return_large_blocks
from .options import Settings
from .other_repository import Other
from .output import notice
from .passwords import find_other_password, find_password


def default_location() -> str:
    """Return where the user's own repository is."""
    return str(Path(platformdirs.user_data_dir("bkp")) / "repository")


def given_location(settings: Settings) -> str | None:
    """Return the location that flags or the environment name, if they do."""
    return (
        settings.repository
        or os.environ.get("BKP_REPOSITORY")
        or os.environ.get("RESTIC_REPOSITORY")
    )


def location_of(settings: Settings) -> str:
    """Return the location that a command works on."""
    return given_location(settings) or default_location()


def cache_directory(settings: Settings) -> Path | None:
    """Return where copies of indexes are kept, if they are."""
    if settings.no_cache:
        return None
    if given := settings.cache_dir or os.environ.get("BKP_CACHE_DIR"):
        return Path(given)
    if given := os.environ.get("RESTIC_CACHE_DIR"):
        return Path(given) / "bkp"  # restic's own cache has directories named by repository as well
    own = Path(platformdirs.user_cache_dir("bkp"))
    return own if own.is_absolute() else None  # whose home nobody knows


def open_for_reading(settings: Settings, report: Reporter) -> Repository:
    """Open the repository and load what can be read of its index.  Nothing may be written.

    Until the command ends it is locked against those who remove things.
    """
    repo = open_unindexed(settings, report)
    click.get_current_context().with_resource(repo.reading())
    repo.load_intact_index()
    return repo


def open_unindexed(settings: Settings, report: Reporter = ignore) -> Repository:
    """Open the repository; its index is not loaded."""
    return_large_blocks()
    collect_rarely()
    store = open_store(location_of(settings))
    password = find_password(settings)
    return open_repository(
        store,
        password,
        options=_options(settings),
        key_hint=settings.key_hint or "",
        report=report,
    )


def open_for_snapshot(settings: Settings, report: Reporter, *, dry_run: bool) -> Repository:
    """Open the repository to write to; the user's own is made if it is not there yet.

    With `dry_run` nothing that is written reaches the storage.
    """
    return_large_blocks()
    collect_rarely()
    try:
        store = open_store(location_of(settings))
    except NoRepository:
        if given_location(settings) is not None or dry_run:
            raise
        return make_repository(settings, NewRepository(), report)
    return open_repository(
        DiscardingStore(store) if dry_run else store,
        find_password(settings),
        options=_options(settings),
        key_hint=settings.key_hint or "",
        report=report,
    )


def make_repository(
    settings: Settings, new: NewRepository, report: Reporter = ignore
) -> Repository:
    """Make the repository and say so."""
    password = find_password(settings, twice=True)
    store = create_store(location_of(settings))
    repo = init_repository(store, password, new, options=_options(settings), report=report)
    notice(settings, f"made the repository {repo.location}; without its password it is lost")
    return repo


def open_other(settings: Settings, other: Other, report: Reporter = ignore) -> Repository:
    """Open the repository that a command takes something from; its index is not loaded."""
    store = open_store(other.location)
    password = find_other_password(other.password_file, other.password_command, other.location)
    return open_repository(
        store,
        password,
        options=_options(settings),
        key_hint=other.key_hint or "",
        report=report,
    )


def _options(settings: Settings) -> RepositoryOptions:
    compression = settings.compression or os.environ.get("RESTIC_COMPRESSION") or "auto"
    pack_size = settings.pack_size or os.environ.get("RESTIC_PACK_SIZE") or 16
    try:
        return RepositoryOptions(
            compression=Level(compression),
            pack_size=_mebibytes(int(pack_size)),
            extra_verify=not settings.no_extra_verify,
            no_lock=settings.no_lock,
            retry_lock=seconds_of(settings.retry_lock) if settings.retry_lock else 0,
            cache=cache_directory(settings),
        )
    except ValueError as error:
        raise UsageError(f"RESTIC_COMPRESSION or RESTIC_PACK_SIZE: {error}") from error


def _mebibytes(count: int) -> int:
    if not 4 <= count <= 128:
        raise UsageError(f"a pack has between 4 and 128 MiB, not {count}")
    return count << 20
