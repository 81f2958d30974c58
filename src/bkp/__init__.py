"""Deduplicating, encrypted backups in restic's repository format.

    import bkp

    repo = bkp.open_repository("/mnt/backup", "password")
    bkp.snapshot(repo, ["/home/me"], tags=["daily"])
    for saved in repo.snapshots.load_all():
        print(saved.id.hex()[:8], saved.snapshot.time, saved.snapshot.paths)
    bkp.restore(repo, "latest:/home/me/mail", "/srv/mail")
    assert bkp.check("/mnt/backup", "password").is_sound

Names are imported when they are first used, so that `import bkp` costs
nothing; `__init__.pyi` gives their types.
"""

from importlib import import_module

from bkp.version import VERSION as __version__  # noqa: N811

_HOMES = {
    "bkp.errors": (
        "AccessDenied",
        "AlreadyExists",
        "BkpError",
        "Inauthentic",
        "IntegrityError",
        "Interrupted",
        "Locked",
        "Malformed",
        "Missing",
        "NoRepository",
        "NotFound",
        "OutOfReach",
        "RepositoryError",
        "SourceError",
        "StoreError",
        "StoreFull",
        "Truncated",
        "Unavailable",
        "UnsupportedFormat",
        "UsageError",
        "WrongPassword",
    ),
    "bkp.library": (
        "check",
        "diff",
        "init_repository",
        "open_repository",
        "read",
        "restore",
        "snapshot",
        "walk",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_HOME_OF]  # noqa: PLE0604


def __getattr__(name: str) -> object:
    """Import a public name on its first use."""
    try:
        home = _HOME_OF[name]
    except KeyError:
        raise AttributeError(f"module 'bkp' has no attribute {name!r}") from None
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value
