"""What is lost for good: what no index names, nor any pack that is there.

Anything else may be had again: read when the storage works again, saved by
repairing its pack, found by repairing the index.  A snapshot from which it was
taken out would then be all that is missing.
"""

from collections.abc import Iterator
from functools import cached_property

from bkp.errors import IntegrityError, Malformed, NotFound, OutOfReach
from bkp.events import Checked, Reporter
from bkp.formats.pack import BlobType
from bkp.formats.tree import decode_tree
from bkp.ids import BlobId, PackId
from bkp.repo.audit import PackAudit, pack_sizes, read_header
from bkp.repo.repository import Repository


class Losses:
    """Knows of one repository, as its index was loaded, what is lost."""

    def __init__(self, repo: Repository, report: Reporter) -> None:
        self._repo = repo
        self._report = report

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
            is_complete = self._sizes[pack] == PackAudit(self._repo).sizes().get(pack)
            command = "repair index --read-all-packs" if is_complete else "repair index"
            raise IntegrityError(
                f"{kind.name.lower()} blob {name.hex()} is in no index, but in data/{pack.hex()}; "
                f"`bkp {command}` has to come first"
            )

    @cached_property
    def _sizes(self) -> dict[PackId, int]:
        return pack_sizes(self._repo)

    @cached_property
    def _unindexed(self) -> dict[tuple[BlobType, BlobId], PackId]:
        """What packs hold by their own word, and no index names.

        All of them are asked: an index that was wrong when it was written may
        have the right size for each.
        """
        found = {}
        for done, (pack, size) in enumerate(self._sizes.items(), 1):
            for kind, name in self._unknown(pack, size):
                found[kind, name] = pack
            self._report(Checked("headers", done, len(self._sizes)))
        return found

    def _unknown(self, pack: PackId, size: int) -> Iterator[tuple[BlobType, BlobId]]:
        try:
            held = read_header(self._repo, pack, size)
        except (IntegrityError, NotFound):
            return  # nobody will ever know, or somebody removed it meanwhile
        for kind in BlobType:
            names = [blob.id for blob in held.blobs if blob.type is kind]
            known = self._repo.index.has_each(kind, b"".join(names))
            for name, is_known in zip(names, known, strict=True):
                if not is_known:
                    yield kind, name
