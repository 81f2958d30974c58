"""Making and opening repositories, and what is refused."""

import stat

import pytest

from bkp.chunking.polynomial import is_irreducible
from bkp.errors import (
    AlreadyExists,
    IntegrityError,
    NoRepository,
    UnsupportedFormat,
    UsageError,
)
from bkp.formats.config import encode_config
from bkp.formats.pack import BlobType
from bkp.formats.tree import encode_tree
from bkp.ids import blob_id
from bkp.repo.repository import NewRepository, init_repository, open_repository
from bkp.store.base import CONFIG, Kind
from bkp.store.memory import MemoryStore
from memoryrepo import make_node
from repos import CHEAP, PASSWORD, make_repo, reopen, store_blobs
from stores import RecordingStore, objects, replace


def test_a_new_repository_has_a_key_then_a_config() -> None:
    store = RecordingStore()

    repo = make_repo(store)

    assert store.kinds() == [Kind.KEY, Kind.CONFIG]
    assert is_irreducible(repo.config.chunker_polynomial)
    assert reopen(store).config == repo.config


def test_a_repository_is_not_made_over_another() -> None:
    store = RecordingStore()
    make_repo(store)
    before = list(store.log)

    with pytest.raises(AlreadyExists):
        make_repo(store)

    assert store.log == before


def test_an_empty_store_is_no_repository() -> None:
    with pytest.raises(NoRepository):
        open_repository(MemoryStore(), PASSWORD)


def test_a_repository_without_its_config_is_told_from_none() -> None:
    store = MemoryStore()
    repo = make_repo(store)
    store.delete(CONFIG)
    with pytest.raises(NoRepository, match="there is no repository"):
        open_repository(store, PASSWORD)  # as after an `init` that was interrupted

    store_blobs(repo, b"content")
    with pytest.raises(NoRepository, match="config of memory: is missing"):
        open_repository(store, PASSWORD)


def test_a_version_from_the_future_is_not_supported() -> None:
    store = MemoryStore()
    repo = make_repo(store)
    plain = encode_config(repo.config).replace(b'"version":2', b'"version":3')
    replace(store, CONFIG, repo.envelope.seal_raw(plain))

    with pytest.raises(UnsupportedFormat, match="version 3"):
        open_repository(store, PASSWORD)


def test_a_reducible_polynomial_is_refused() -> None:
    store = MemoryStore()
    repo = make_repo(store)
    polynomial = f"{repo.config.chunker_polynomial:x}".encode()
    plain = encode_config(repo.config).replace(polynomial, b"38f1e565e288df")
    replace(store, CONFIG, repo.envelope.seal_raw(plain))

    with pytest.raises(UnsupportedFormat, match="polynomial"):
        open_repository(store, PASSWORD)


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_damaged_config_is_damage(damage: bytes | None) -> None:
    store = MemoryStore()
    make_repo(store)
    data = bytearray(store.get(CONFIG))
    data[40] ^= 1
    replace(store, CONFIG, bytes(data) if damage is None else damage)

    with pytest.raises(IntegrityError, match="config"):
        open_repository(store, PASSWORD)


def test_a_damaged_index_is_not_passed_over() -> None:
    store = MemoryStore()
    store_blobs(make_repo(store), b"content")
    (index,) = objects(store, Kind.INDEX)
    replace(store, index, store.get(index)[:-1])

    with pytest.raises(IntegrityError, match="bkp repair index"):
        reopen(store)


def test_fastcdc_is_remembered_in_a_key_of_its_own() -> None:
    store = MemoryStore()
    repo = make_repo(store, chunker="fastcdc")

    again = open_repository(store, PASSWORD)

    assert again.config.bkp_chunker == "fastcdc"
    assert type(again.chunker()) is type(repo.chunker())


def test_an_unknown_chunker_is_refused_before_anything_is_written() -> None:
    store = RecordingStore()

    with pytest.raises(UnsupportedFormat, match="spiral"):
        make_repo(store, chunker="spiral")

    assert store.log == []


def test_a_repository_can_be_cut_like_another() -> None:
    other = make_repo(MemoryStore())
    new = NewRepository(cut_like=other.config, kdf_cost=CHEAP)

    repo = init_repository(MemoryStore(), PASSWORD, new)

    assert repo.config.chunker_polynomial == other.config.chunker_polynomial
    assert repo.config.id != other.config.id


def test_a_keyed_chunker_cannot_be_taken_over() -> None:
    other = make_repo(MemoryStore(), chunker="fastcdc")

    with pytest.raises(UsageError, match="key"):
        init_repository(
            MemoryStore(), PASSWORD, NewRepository(cut_like=other.config, kdf_cost=CHEAP)
        )


def test_trees_are_had_together_as_far_as_they_take_little_memory() -> None:
    repo = make_repo(MemoryStore())
    node = make_node(b"f", stat.S_IFREG)
    small = encode_tree([node])
    large = encode_tree([make_node(b"%06d" % n, stat.S_IFREG) for n in range(2000)])
    names = store_blobs(repo, small, b"no tree", large, kind=BlobType.TREE)
    unknown = blob_id(b"nowhere")

    assert repo.load_trees([]) == {}
    assert repo.load_trees([unknown, names[0], names[1]]) == {names[0]: [node]}
    assert repo.load_trees([names[0], names[2], names[0]]) == {names[0]: [node]}
    assert len(repo.load_trees([names[2], names[0]])[names[2]]) == 2000
