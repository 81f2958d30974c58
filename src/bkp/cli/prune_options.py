"""The options of `prune`, which `forget --prune` takes as well."""

from collections.abc import Callable
from typing import Any

import click

from bkp.errors import UsageError
from bkp.files.selection.sizes import parse_size
from bkp.ops.prune.options import KEEP_DELETE, PruneOptions
from bkp.ops.prune.plan import Limit
from bkp.repo.repository import Repository

from .durations import seconds_of

_INFINITE = float("inf")
_NO_SPACE = "--unsafe-recover-no-free-space"


def prune_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add them to a command; `prune_options_from` reads the values it receives."""
    for option in reversed(
        (
            click.option(
                "--max-unused",
                default="5%",
                metavar="LIMIT",
                help="Leave so much unused in packs: 5%, 2G or `unlimited`.  [default: 5%]",
            ),
            click.option(
                "--max-repack-size", metavar="SIZE", help="Repack at most so much, as in 10G."
            ),
            click.option(
                "--repack-cacheable-only", is_flag=True, help="Repack only what holds trees."
            ),
            click.option(
                "--repack-smaller-than", metavar="SIZE", help="Repack packs below this size."
            ),
            click.option(
                "--repack-uncompressed", is_flag=True, help="Repack what is not compressed."
            ),
            click.option(
                "--keep-delete",
                metavar="TIME",
                help="Let marked packs wait so long before they are deleted.  [default: 23h]",
            ),
            click.option(
                "--instant", is_flag=True, help="Delete at once; nobody else may work meanwhile."
            ),
            click.option(
                _NO_SPACE,
                "no_space",
                metavar="ID",
                help="Free a full storage at once, the index first; ID is the repository's.",
            ),
        )
    ):
        function = option(function)
    return function


def prune_options_from(values: dict[str, Any], *, dry_run: bool) -> PruneOptions:
    """Return what the options ask for; raises UsageError."""
    repack, smaller = values["max_repack_size"], values["repack_smaller_than"]
    wait = values["keep_delete"]
    return PruneOptions(
        max_unused=_limit(values["max_unused"]),
        max_repack=parse_size(repack) if repack else _INFINITE,
        repack_smaller=parse_size(smaller) if smaller else None,
        only_trees=values["repack_cacheable_only"],
        uncompressed_too=values["repack_uncompressed"],
        keep_delete=seconds_of(wait) if wait else KEEP_DELETE,
        at_once=values["instant"] or bool(values["no_space"]),
        no_free_space=bool(values["no_space"]),
        dry_run=dry_run,
    )


def require_consent(values: dict[str, Any], repo: Repository) -> None:
    """Raise UsageError unless who asks for what is unsafe knows for which repository."""
    if values["no_space"] and values["no_space"] != repo.config.id:
        raise UsageError(
            f"if this stops half-way, `bkp repair index` has to follow; give {_NO_SPACE} "
            f"{repo.config.id} if nothing else helps"
        )


def _limit(text: str) -> Limit:
    """Read how much may stay unused, given what is used: `5%` is of all that is stored then."""
    if text == "unlimited":
        return lambda _: _INFINITE
    if not text.endswith("%"):
        size = parse_size(text)
        return lambda _: size
    try:
        percent = float(text[:-1])
    except ValueError:
        percent = -1
    if not 0 <= percent <= 100:
        raise UsageError(f"{text!r} is no share; write 0% to 100%, a size, or `unlimited`")
    return lambda used: _INFINITE if percent == 100 else percent / (100 - percent) * used
