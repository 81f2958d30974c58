"""A repository of a few snapshots, one object of each kind in it, and all that may befall these."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random

from bkp.errors import BkpError, IntegrityError
from bkp.events import ignore
from bkp.formats.lock import LockFile, encode_lock
from bkp.formats.pack import BlobType
from bkp.ids import BlobId, blob_id
from bkp.library import snapshot
from bkp.ops.walktree import walk
from bkp.repo.keyring import add_key
from bkp.repo.repository import Repository, open_repository
from bkp.repo.snapshots import SavedSnapshot
from bkp.store.base import CONFIG, Kind, ObjectName
from bkp.store.memory import MemoryStore
from bkp.times import UTC, format_time, now
from packed import object_of, pack_of, replace
from repos import CHEAP, PASSWORD, make_repo, reopen
from stores import objects

OTHER_PASSWORD = "another one"
LEFT_OUT = "x"  # the name of what a rewriting takes out

Content = frozenset[tuple[bytes, bytes]]  # paths, and blobs of contents


@dataclass(frozen=True)
class Example:
    """A repository, and what is where in it.

    Of its three snapshots each has a file that those before it lack, and one
    that is another in each.  Before them was one more, so that there is
    something to prune.  `source` is as the last of them.
    """

    objects: dict[ObjectName, bytes]
    foreign_config: bytes
    source: Path
    snapshots: list[SavedSnapshot]
    key: str
    other_key: str
    trees: ObjectName  # the pack with the root of the last snapshot
    data: ObjectName  # the pack with files that only the last has
    index: ObjectName  # which names both
    tree_packs: frozenset[ObjectName]

    def store(self) -> MemoryStore:
        """Return a copy of it."""
        store = MemoryStore()
        for name, data in self.objects.items():
            store.put(name, data)
        return store


HERE, ELSEWHERE = "here", "elsewhere"

COMMANDS: dict[str, Callable[[Example], list[str]]] = {
    "snapshot": lambda example: ["snapshot", str(example.source)],
    "restore latest": lambda _: ["restore", "latest", "--target", "back"],
    "snapshots": lambda _: ["snapshots"],
    "ls": lambda _: ["ls"],
    "diff": lambda example: [
        "diff",
        *(saved.id.hex() for saved in (example.snapshots[0], example.snapshots[-1])),
    ],
    "check": lambda _: ["check"],
    "check --read-data": lambda _: ["check", "--read-data"],
    "prune": lambda _: ["prune", "--keep-delete", "0s"],
    "prune --instant": lambda _: ["prune", "--instant"],
    "forget": lambda _: ["forget", "--keep-last", "2"],
    "copy": lambda _: ["copy", "--from-repo", HERE],
    "repair index": lambda _: ["repair", "index"],
    "repair packs": lambda example: ["repair", "packs", example.trees.id, example.data.id],
    "repair snapshots": lambda _: ["repair", "snapshots", "--forget"],
    "rewrite": lambda _: ["rewrite", "--exclude", f"/**/{LEFT_OUT}", "--forget"],
    "recover": lambda _: ["recover"],
    "tag": lambda _: ["tag", "--add", "new"],
    "key list": lambda _: ["key", "list"],
    "unlock": lambda _: ["unlock"],
    "stats": lambda _: ["stats"],
}

# What is not here leaves the repository as it is, for whatever reason it fails.
CHANGING = {
    "snapshot",
    "prune",
    "prune --instant",
    "forget",
    "repair index",
    "repair packs",
    "repair snapshots",
    "rewrite",
    "recover",
    "tag",
}


def make_example(source: Path) -> Example:
    store = MemoryStore()
    first = make_repo(store)
    other_key = add_key(store, first.key, OTHER_PASSWORD, CHEAP)
    (source / "d").mkdir(parents=True)
    for number, name in enumerate(("gone", LEFT_OUT, "two", "three")):
        (source / "d" / name).write_bytes(contents_of(name))
        (source / "d" / "only").write_bytes(contents_of(f"only {number}"))
        (source / "old").write_bytes(contents_of("old"))
        if name == LEFT_OUT:
            (source / "d" / "gone").unlink()
        snapshot(open_repository(store, PASSWORD), [source])
        if number == 0:
            first.snapshots.remove(first.snapshots.ids()[0])
    repo = reopen(store)
    saved = repo.snapshots.load_all()
    data = object_of(pack_of(repo, blob_id(contents_of("three"))))
    places = list(repo.index.all_places())
    foreign = MemoryStore()
    make_repo(foreign)
    return Example(
        objects={name: store.get(name) for kind in Kind for name in objects(store, kind)},
        foreign_config=foreign.get(CONFIG),
        source=source,
        snapshots=saved,
        key=repo.key_id,
        other_key=other_key,
        trees=object_of(pack_of(repo, saved[-1].snapshot.tree, BlobType.TREE)),
        data=data,
        index=next(name for name in objects(store, Kind.INDEX) if names_pack(repo, name, data)),
        tree_packs=frozenset(
            object_of(place.pack) for place in places if place.blob.type is BlobType.TREE
        ),
    )


def contents_of(name: str) -> bytes:
    """Return what is in a file; of a length of its own, that no compression changes much."""
    return Random(name).randbytes(2000 + 100 * len(name))


def names_pack(repo: Repository, index: ObjectName, pack: ObjectName) -> bool:
    return pack.id.encode() in repo.envelope.open_file(repo.store.get(index))


def put_lock(store: MemoryStore, *, pid: int = 1, age: int = 0) -> ObjectName:
    """Store a lock of another machine; `age` in seconds."""
    lock = LockFile(
        time=format_time(now() - age * 1_000_000_000, UTC),
        exclusive=False,
        hostname="elsewhere",
        username="somebody",
        pid=pid,
    )
    sealed = open_repository(store, PASSWORD).envelope.seal_file(encode_lock(lock))
    name = ObjectName(Kind.LOCK, sha256(sealed).hexdigest())
    store.put(name, sealed)
    return name


def _target(what: str) -> Callable[[Example, MemoryStore], ObjectName]:
    match what:
        case "config":
            return lambda _, __: CONFIG
        case "key":
            return lambda example, _: ObjectName(Kind.KEY, example.key)
        case "other key":
            return lambda example, _: ObjectName(Kind.KEY, example.other_key)
        case "lock":
            return lambda _, store: put_lock(store)
        case "index":
            return lambda example, _: example.index
        case "trees":
            return lambda example, _: example.trees
        case "data":
            return lambda example, _: example.data
        case _:
            return lambda example, _: ObjectName(Kind.SNAPSHOT, example.snapshots[-1].id.hex())


OBJECTS = ("config", "key", "other key", "lock", "index", "trees", "data", "snapshot")


def _swap(example: Example, store: MemoryStore, name: ObjectName) -> None:
    """Exchange an object with another of its kind; the config with that of another repository."""
    if name == CONFIG:
        store.replace(CONFIG, example.foreign_config)
        return
    if name.kind is Kind.LOCK:
        put_lock(store, pid=2)
    like = [one for one in objects(store, name.kind) if _is_alike(example, one, name)]
    other = min(one for one in like if one != name)
    contents = store.get(name), store.get(other)
    for to, data in zip((other, name), contents, strict=True):
        replace(store, to, data)


def _is_alike(example: Example, one: ObjectName, other: ObjectName) -> bool:
    return (one in example.tree_packs) == (other in example.tree_packs)


def _flipped(data: bytes, at: int) -> bytes:
    flipped = bytearray(data)
    flipped[at] ^= 4
    return bytes(flipped)


_CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a byte short": lambda data: data[:-1],
    "half": lambda data: data[: len(data) // 2],
    "3 bytes": lambda data: data[:3],
    "empty": lambda _: b"",
    "first byte": lambda data: _flipped(data, 0),
    "middle": lambda data: _flipped(data, len(data) // 2),
    "last byte": lambda data: _flipped(data, -1),
    "random": lambda data: Random(len(data)).randbytes(len(data)),
    "longer": lambda data: data + b"more",
}
DAMAGES = ("deleted", "swapped", *_CHANGES)


def damaged(example: Example, what: str, how: str) -> tuple[MemoryStore, ObjectName]:
    """Return a copy of the repository with one object damaged, and its name."""
    store = example.store()
    name = _target(what)(example, store)
    if how == "deleted":
        store.delete(name)
    elif how == "swapped":
        _swap(example, store, name)
    else:
        replace(store, name, _CHANGES[how](store.get(name)))
    return store, name


def everything(store: MemoryStore) -> dict[ObjectName, bytes]:
    return {name: store.get(name) for kind in Kind for name in objects(store, kind)}


def restorable(store: MemoryStore, password: str = PASSWORD) -> list[Content]:
    """Return what can be restored of each snapshot, but for what a rewriting takes out."""
    with suppress(BkpError):
        repo = open_repository(store, password)
        repo.load_intact_index()
        return [Content(_below(repo, saved.snapshot.tree)) for saved in repo.snapshots.load_all()]
    return []


def _below(repo: Repository, tree: BlobId) -> Iterator[tuple[bytes, bytes]]:
    for path, node in walk(repo, tree, ignore):
        for name in node.content or ():
            with suppress(IntegrityError):
                blob = BlobId(bytes.fromhex(name))
                repo.read_blob(BlobType.DATA, blob)
                if node.name != LEFT_OUT.encode():
                    yield path, blob


def assert_kept(before: list[Content], after: list[Content]) -> None:
    """See that of each snapshot all that could be restored can be restored of one."""
    assert all(any(held <= now for now in after) for held in before)
