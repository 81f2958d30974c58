"""Trees are stored as the walk leaves directories, and counted by the end."""

import pytest

from bkp.errors import StoreFull
from bkp.ids import BlobId
from bkp.ops.backup.treefold import TreeFold
from bkp.repo.repository import Repository, RepositoryOptions
from bkp.repo.writer import Written
from bkp.store.base import Kind
from bkp.store.memory import MemoryStore
from repos import make_repo, reopen
from stores import FailingStore


def node(name: bytes) -> bytes:
    return b'{"name":"%b","type":"file","content":[]}' % name


def head(name: bytes) -> bytes:
    return b'{"name":"%b","type":"dir"' % name


def fold_many(
    repo: Repository, directories: int, *, at_once: bool
) -> tuple[BlobId | None, list[Written], list[Written]]:
    """Fold a root with so many directories; return it, what was counted, what leaving told."""
    counted: list[Written] = []
    told = []
    with (
        repo.lock() as lock,
        repo.blob_writer(lock) as writer,
        TreeFold(writer, counted.append, at_once=at_once) as fold,
    ):
        for number in range(directories):
            name = b"%06d" % number
            fold.enter(name, head(name))
            files = [b"%06d-%03d" % (number, file) for file in range(50)]
            fold.add_many(files[0], files[-1], b",".join(map(node, files)))
            told.append(fold.leave()[1])
        root = fold.finish()
    return root, counted, told


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("directories", [0, 1, 700])
def test_every_tree_is_stored_and_counted_once(directories: int, at_once: bool) -> None:
    store = MemoryStore()

    root, counted, told = fold_many(make_repo(store), directories, at_once=at_once)

    if not directories:
        assert (root, counted) == (None, [])
        return
    assert root is not None
    assert len(counted) == directories + 1
    assert all(written.is_new for written in counted)
    repo = reopen(store)
    below = repo.load_tree(root)
    assert [entry.subtree for entry in below] == [written.id.hex() for written in told]
    for entry in below[:: max(1, directories // 10)]:
        files = repo.load_tree(BlobId(bytes.fromhex(entry.subtree)))
        assert [file.name for file in files] == [b"%b-%03d" % (entry.name, n) for n in range(50)]
    if at_once:
        assert [written.stored_bytes for written in counted[:-1]] == [
            written.stored_bytes for written in told
        ]


def test_stored_together_or_one_by_one_they_are_the_same() -> None:
    one, other = (
        fold_many(make_repo(MemoryStore()), 300, at_once=at_once) for at_once in (True, False)
    )
    assert one[0] == other[0]
    assert {written.id for written in one[1]} == {written.id for written in other[1]}


def test_names_must_go_forward() -> None:
    repo = make_repo(MemoryStore())
    with (
        repo.lock() as lock,
        repo.blob_writer(lock) as writer,
        TreeFold(writer, lambda _: None) as fold,
    ):
        fold.add(b"b", node(b"b"))
        for wrong in (b"a", b"b"):
            with pytest.raises(ValueError, match="follows"):
                fold.add(wrong, node(wrong))
        fold.enter(b"d", head(b"d"))
        fold.leave()
        with pytest.raises(ValueError, match="follows"):
            fold.add(b"c", node(b"c"))


def test_what_storing_a_tree_raised_is_raised() -> None:
    store = FailingStore()
    repo = make_repo(store, options=RepositoryOptions(pack_size=4096))
    store.fails = lambda verb, name: (
        StoreFull("no space") if verb == "put" and name.kind is Kind.PACK else None
    )
    with pytest.raises(StoreFull):
        fold_many(repo, 700, at_once=False)
