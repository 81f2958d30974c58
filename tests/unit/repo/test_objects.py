"""Objects as they are inside, for those who look at a repository by hand."""

from hashlib import sha256

import pytest

from bkp.errors import Malformed
from bkp.repo.objects import read_object
from bkp.store.base import Kind, ObjectName
from bkp.store.memory import MemoryStore
from repos import make_repo


@pytest.mark.parametrize("content", [b"", b"no JSON", b'"\xff', b"[" * 100_000, b'{"a":1} x'])
@pytest.mark.parametrize("kind", [Kind.KEY, Kind.SNAPSHOT, Kind.LOCK])
def test_what_is_no_json_is_malformed(kind: Kind, content: bytes) -> None:
    store = MemoryStore()
    repo = make_repo(store)
    stored = content if kind is Kind.KEY else bytes(repo.envelope.seal_file(content))
    name = ObjectName(kind, sha256(stored).hexdigest())
    store.put(name, stored)

    with pytest.raises(Malformed):
        read_object(repo, kind.name.lower(), name.id)
