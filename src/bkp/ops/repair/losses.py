"""What is lost for good: what no index names, nor any pack that the index is wrong about.

Anything else may be had again: read when the storage works again, saved by
repairing its pack, found by repairing the index.  A snapshot from which it was
taken out would then be all that is missing.
"""

from collections.abc import Iterator
from functools import cached_property

from bkp.errors import IntegrityError, Malformed, OutOfReach
from bkp.formats.pack import BlobType
from bkp.formats.tree import decode_tree
from bkp.ids import BlobId, PackId
from bkp.repo.audit import PackAudit, pack_sizes, read_header
from bkp.repo.repository import Repository


class Losses:
    """Knows of one repository, as its index was loaded, what is lost."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo

    def confirm_contents(self, name: BlobId) -> None:
        """Return if a blob of contents that no index names is lost.

        Raises IntegrityError if it may be had again; that says what to do first.
        """
        self._refuse_what_is_in_a_pack(BlobType.DATA, name)

    def confirm_tree(self, name: BlobId) -> None:
        """Return if a tree that could not be read is lost or of no use; raise as for contents."""
        index, marked = self._repo.index, self._repo.marked
        kind = BlobType.TREE
        packs = [place.pack for place in (*index.places(kind, name), *marked.places(kind, name))]
        if not packs:
            self._refuse_what_is_in_a_pack(kind, name)
        elif self._reads(name, packs):
            raise OutOfReach(f"tree {name.hex()} can be read now, but could not before; try again")

    def _reads(self, name: BlobId, packs: list[PackId]) -> bool:
        """Say whether a tree that packs are said to hold can be used."""
        try:
            data = self._repo.read_blob(BlobType.TREE, name)
        except IntegrityError as error:
            there = [pack.hex() for pack in packs if pack in self._sizes]
            command = f"packs {' '.join(there)}" if there else "index"
            raise type(error)(f"{error}; `bkp repair {command}` has to come first") from error
        try:
            decode_tree(data)
        except Malformed:
            return False
        return True

    def _refuse_what_is_in_a_pack(self, kind: BlobType, name: BlobId) -> None:
        pack = self._unindexed.get((kind, name))
        if pack is not None:
            raise IntegrityError(
                f"{kind.name.lower()} blob {name.hex()} is in no index, but in data/{pack.hex()}; "
                "`bkp repair index` has to come first"
            )

    @cached_property
    def _sizes(self) -> dict[PackId, int]:
        return pack_sizes(self._repo)

    @cached_property
    def _unindexed(self) -> dict[tuple[BlobType, BlobId], PackId]:
        """What is in packs that the index does not name as they are, by their own word."""
        return dict(self._read_headers())

    def _read_headers(self) -> Iterator[tuple[tuple[BlobType, BlobId], PackId]]:
        indexed = PackAudit(self._repo).sizes()
        for pack, size in self._sizes.items():
            if indexed.get(pack) == size:
                continue
            try:
                held = read_header(self._repo, pack, size)
            except IntegrityError:
                continue  # nobody will ever know
            for blob in held.blobs:
                yield (blob.type, blob.id), pack
