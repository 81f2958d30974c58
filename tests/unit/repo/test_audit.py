"""A pack that cannot be read is damaged; a storage that is gone says nothing about its packs."""

import pytest

from bkp.errors import StoreError, Unavailable
from bkp.repo.audit import PackAudit, pack_sizes
from bkp.store.base import Kind, ObjectName
from repos import make_repo, store_blobs
from stores import FailingStore


def test_a_pack_that_cannot_be_read_is_damaged_unless_all_is_gone() -> None:
    store = FailingStore()
    repo = make_repo(store)
    store_blobs(repo, b"content")
    audit = PackAudit(repo)
    ((pack, size),) = pack_sizes(repo).items()
    assert audit.verify(pack, size).faults == []

    store.fails = lambda _, name: _refusal(name) if name.kind is Kind.PACK else None
    verdict = audit.verify(pack, size)

    assert [blob.id for blob in verdict.broken] == [blob.id for blob in audit.indexed(pack)]
    assert "header is damaged" in verdict.faults[0]

    store.fails = lambda _, name: _refusal(name)
    with pytest.raises(Unavailable):
        audit.verify(pack, size)


def _refusal(name: ObjectName) -> StoreError:
    return Unavailable(f"no {name}")
