"""Damage that somebody meets who goes on all the same: told of, and of packs remembered."""

from bkp.errors import BkpError, IntegrityError
from bkp.events import Notice, Problem, Reporter
from bkp.ids import PackId
from bkp.store.base import ObjectName


class MetDamage:
    """Tells of what was met in one repository.

    `packs` are those in which a copy of something could not be read as it must
    be, though another one could; each is told of once.
    """

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self.packs: set[PackId] = set()

    def tell_pack(self, pack: PackId) -> None:
        """Tell of a pack that something was read from elsewhere instead."""
        if pack not in self.packs:
            self.packs.add(pack)
            self._report(
                Notice(
                    f"data/{pack.hex()} cannot be read as it must be; what was needed of it is "
                    f"elsewhere too; `bkp repair packs {pack.hex()}` puts that in order"
                )
            )

    def tell_index(self, name: ObjectName, error: IntegrityError) -> None:
        """Tell of an index object without which is read."""
        cost = "what no other index names cannot be read; `bkp repair index` replaces it"
        self._report(Problem("index", str(name).encode(), f"damaged: {error}; {cost}"))

    def tell_key(self, name: ObjectName, error: BkpError) -> None:
        """Tell of a key that is not listed with the others."""
        message = str(error).removeprefix(f"{name} is ")
        if isinstance(error, IntegrityError):
            message += f"; `bkp key remove {name.id[:8]}` removes it"
        self._report(Problem("keys", str(name).encode(), message))
