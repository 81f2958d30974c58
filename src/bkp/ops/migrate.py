"""Bring a repository to a newer version of its format."""

from collections.abc import Mapping
from dataclasses import replace

from bkp.errors import UsageError
from bkp.formats.config import encode_config
from bkp.repo.locking import Lock
from bkp.repo.repository import Repository
from bkp.store.base import CONFIG

UPGRADE_TO_2 = "upgrade_repo_v2"

_MIGRATIONS: Mapping[str, str] = {UPGRADE_TO_2: "version 2, in which everything is compressed"}


def applicable(repo: Repository) -> Mapping[str, str]:
    """Return the migrations that can be applied, by restic's names, and what they bring."""
    return _MIGRATIONS if repo.config.version == 1 else {}


def migrate(repo: Repository, lock: Lock, name: str) -> None:
    """Apply a migration to a repository that was checked; `lock` must be exclusive.

    Only the config changes.  What is stored stays as it is, for version 2 knows
    what is not compressed.  Raises UsageError for one that is not applicable.
    """
    if name not in applicable(repo):
        known = "" if name in _MIGRATIONS else f"; there is {UPGRADE_TO_2}"
        raise UsageError(f"{name} cannot be applied to this repository{known}")
    lock.confirm()
    config = encode_config(replace(repo.config, version=2))
    repo.store.replace(CONFIG, repo.envelope.seal_raw(config))
