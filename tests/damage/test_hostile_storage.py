"""What nobody's disk does by itself, but a storage may, or a program with a bug, or a person.

Much of it is sealed as it must be: what it says is wrong all the same.  No
command may lose what is there, whatever is said about it, and what a check
advises brings all of it back.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from bkp.formats.config import encode_config
from bkp.formats.index import IndexedPack, decode_index, encode_index
from bkp.formats.pack import BlobType, PackedBlob
from bkp.formats.snapshot import encode_snapshot
from bkp.ids import BlobId, PackId, blob_id
from bkp.repo.repository import Repository, open_repository
from bkp.store.base import CONFIG, Kind, ObjectName
from bkp.store.memory import MemoryStore
from commandline import CommandLine, assert_is_command
from damages import (
    CHANGING,
    COMMANDS,
    ELSEWHERE,
    HERE,
    Example,
    assert_kept,
    contents_of,
    everything,
    put_lock,
    restorable,
)
from packed import mark_all, put_index
from packed import replace as put_instead
from repos import PASSWORD, make_repo, reopen
from stores import objects

NOWHERE = PackId(bytes([7]) * 32)
NOWHERE_PACK = ObjectName(Kind.PACK, NOWHERE.hex())
YEAR = 365 * 86400  # seconds

Make = Callable[[Example, MemoryStore], object]


@dataclass(frozen=True)
class State:
    """Something to be done to a repository.

    If it is `harmless`, a restore brings back everything.  If it `hides`
    nothing but also loses nothing, everything can be brought back.
    """

    make: Make
    harmless: bool = False
    loses: bool = False


def opened(store: MemoryStore) -> Repository:
    return open_repository(store, PASSWORD)


def saying(change: Callable[[list[IndexedPack]], list[IndexedPack]]) -> Make:
    """Return what puts another index in the place of one, sealed as it must be."""

    def make(example: Example, store: MemoryStore) -> None:
        repo = opened(store)
        index = decode_index(repo.envelope.open_file(store.get(example.index)))
        store.delete(example.index)
        put_index(repo, encode_index(change(index.packs), 2))

    return make


def blobs(change: Callable[[PackedBlob], PackedBlob]) -> Make:
    """Return what says something else of each blob of an index."""
    return saying(
        lambda packs: [IndexedPack(one.id, [change(blob) for blob in one.blobs]) for one in packs]
    )


def exchanged(packs: list[IndexedPack]) -> list[IndexedPack]:
    first, second, *others = packs
    return [
        IndexedPack(first.id, second.blobs),
        IndexedPack(second.id, first.blobs),
        *others,
    ]


def of_other_type(blob: PackedBlob) -> PackedBlob:
    return blob._replace(type=BlobType.DATA if blob.type is BlobType.TREE else BlobType.TREE)


def mark_without_blobs(_: Example, store: MemoryStore) -> None:
    marks = [
        IndexedPack(PackId(bytes.fromhex(name.id)), [], "2026-01-01T00:00:00Z", size)
        for name, size in store.scan(Kind.PACK)
    ]
    for name in list(objects(store, Kind.INDEX)):
        store.delete(name)
    put_index(opened(store), encode_index([], 2, marks))


def put_key_of_another_repository(_: Example, store: MemoryStore) -> None:
    other = MemoryStore()
    make_repo(other)
    for name in objects(other, Kind.KEY):
        store.put(name, other.get(name))


def put_files_that_are_no_keys(_: Example, store: MemoryStore) -> None:
    keys = {name: store.get(name) for name in objects(store, Kind.KEY)}
    for name in keys:
        store.delete(name)
    for number in range(30):
        store.put(ObjectName(Kind.KEY, sha256(b"%d" % number).hexdigest()), b"no key")
    for name, data in keys.items():
        store.put(name, data)


def config(**changes: object) -> Make:
    def make(_: Example, store: MemoryStore) -> None:
        repo = opened(store)
        changed = replace(repo.config, **changes)  # type: ignore[arg-type]
        store.replace(CONFIG, repo.envelope.seal_raw(encode_config(changed)))

    return make


def snapshot_of(tree: Callable[[Example], BlobId]) -> Make:
    """Return what adds the oldest of all snapshots."""

    def make(example: Example, store: MemoryStore) -> None:
        last = example.snapshots[-1].snapshot
        put_snapshot(
            store, encode_snapshot(replace(last, tree=tree(example), time="2000-01-01T00:00:00Z"))
        )

    return make


def put_snapshot(store: MemoryStore, data: bytes) -> None:
    sealed = opened(store).envelope.seal_file(data)
    store.put(ObjectName(Kind.SNAPSHOT, sha256(sealed).hexdigest()), sealed)


def put_older_snapshot(example: Example, store: MemoryStore) -> None:
    first, *_, last = (ObjectName(Kind.SNAPSHOT, one.id.hex()) for one in example.snapshots)
    put_instead(store, last, store.get(first))


def put_other_pack(example: Example, store: MemoryStore) -> None:
    others = set(objects(store, Kind.PACK)) - example.tree_packs - {example.data}
    put_instead(store, example.data, store.get(min(others)))


STATES = {
    "index: wrong offsets": State(blobs(lambda blob: blob._replace(offset=blob.offset + 1))),
    "index: wrong lengths": State(blobs(lambda blob: blob._replace(length=blob.length + 1))),
    "index: huge": State(blobs(lambda blob: blob._replace(offset=2**31, length=2**32 - 1))),
    "index: huge when unfolded": State(blobs(lambda blob: blob._replace(raw_length=2**32 - 1))),
    "index: not compressed": State(blobs(lambda blob: blob._replace(raw_length=0))),
    "index: other types": State(blobs(of_other_type)),
    "index: packs exchanged": State(saying(exchanged)),
    "index: packs that are nowhere": State(
        saying(lambda packs: [IndexedPack(NOWHERE, one.blobs) for one in packs])
    ),
    "index: packs that are nowhere, too": State(
        saying(lambda packs: [*packs, *(IndexedPack(NOWHERE, one.blobs) for one in packs)]),
        harmless=True,
    ),
    "index: blobs also in another pack": State(
        saying(lambda packs: [*packs, IndexedPack(packs[0].id, packs[-1].blobs)]), harmless=True
    ),
    "index: a part": State(
        saying(lambda packs: [IndexedPack(one.id, one.blobs[:-1]) for one in packs])
    ),
    "index: nothing": State(saying(lambda _: [])),
    "index: no index": State(
        lambda _, store: put_index(opened(store), b'{"packs":[{"id":"zz","blobs":7}]}')
    ),
    "all is marked": State(lambda _, store: mark_all(reopen(store)), harmless=True),
    "all is marked without a word": State(mark_without_blobs),
    "a pack twice": State(
        lambda example, store: store.put(NOWHERE_PACK, store.get(example.data)), harmless=True
    ),
    "a pack in the place of another": State(put_other_pack, loses=True),
    "key: of another repository": State(put_key_of_another_repository, harmless=True),
    "key: none at all, many times": State(put_files_that_are_no_keys, harmless=True),
    "config: another id": State(config(id="ab" * 32), harmless=True),
    "config: version 1": State(config(version=1), harmless=True),
    "lock: empty": State(
        lambda _, store: store.put(ObjectName(Kind.LOCK, "00" * 32), b""), harmless=True
    ),
    "lock: garbage": State(
        lambda _, store: store.put(ObjectName(Kind.LOCK, "00" * 32), b"no lock")
    ),
    "lock: from the future": State(
        lambda _, store: put_lock(store, age=-100 * YEAR), harmless=True
    ),
    "snapshot: an older one": State(put_older_snapshot, loses=True),
    "snapshot: no snapshot": State(lambda _, store: put_snapshot(store, b'{"time":7}')),
    "snapshot: empty": State(lambda _, store: put_snapshot(store, b"")),
    "snapshot: of no tree": State(snapshot_of(lambda _: BlobId(bytes(32))), harmless=True),
    "snapshot: of a file": State(snapshot_of(lambda _: blob_id(contents_of("two"))), harmless=True),
}


@pytest.fixture
def store(example: Example, request: pytest.FixtureRequest, line: CommandLine) -> MemoryStore:
    """Return the repository, in the state that the test has for a parameter."""
    store = example.store()
    STATES[request.getfixturevalue("name")].make(example, store)
    line.stores = {HERE: store, ELSEWHERE: MemoryStore()}
    make_repo(line.stores[ELSEWHERE])
    return store


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", STATES)
def test_a_command(
    name: str, command: str, example: Example, store: MemoryStore, line: CommandLine
) -> None:
    state = STATES[name]
    before, found = restorable(store), everything(store)

    to = ELSEWHERE if command == "copy" else HERE
    outcome = line.run(to, *COMMANDS[command](example))

    for advised in outcome.advice():
        assert_is_command(advised)
    if command not in CHANGING:
        assert everything(store) == found
    if command == "restore latest":
        assert (outcome.code == 0) == state.harmless, outcome
    if command == "check --read-data":
        assert outcome.code == 0 or outcome.remedies() or outcome.code == 11, outcome
    first = -2 if command == "forget" else 0
    assert_kept(before[first:], restorable(store))
    if command in CHANGING and not state.loses:
        mend(line)
        assert_kept(restorable(example.store())[first:], restorable(store))


def mend(line: CommandLine) -> None:
    """Do what checks advise, but for taking a snapshot, until they find no fault."""
    line.run(HERE, "unlock", "--remove-all")
    for _ in range(3):
        outcome = line.run(HERE, "check", "--read-data")
        if outcome.code == 0:
            return
        for number, remedy in enumerate(outcome.remedies()):
            if remedy.startswith("snapshot"):
                continue
            for copy in Path().glob("pack-*"):
                copy.rename(f"of {number} {Random().random()}")
            line.run(HERE, *shlex.split(remedy))
    pytest.fail(f"not mended: {outcome}")
