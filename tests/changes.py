"""What changes repositories, as pieces of work to be stopped or failed, and what must hold then."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from bkp.errors import IntegrityError, WrongPassword
from bkp.events import ignore
from bkp.files.selection.patterns import PatternList
from bkp.formats.pack import BlobType
from bkp.ids import BlobId
from bkp.library import snapshot
from bkp.ops.backup.labels import SnapshotLabels
from bkp.ops.check.run import CheckOptions, check
from bkp.ops.check.subset import Everything
from bkp.ops.edit.rewriting import RewriteOptions, rewrite
from bkp.ops.edit.tagging import TagChange, change_tags
from bkp.ops.forget.run import remove_snapshots
from bkp.ops.keys import add_password, change_password, remove_password
from bkp.ops.migrate import UPGRADE_TO_2, migrate
from bkp.ops.prune.options import PruneOptions
from bkp.ops.prune.run import prune
from bkp.ops.recover import recover
from bkp.ops.repair.index import repair_index
from bkp.ops.repair.packs import repair_packs
from bkp.ops.repair.snapshots import RepairOptions, repair_snapshots
from bkp.ops.selection import Selection
from bkp.ops.walktree import walk
from bkp.repo.repository import Repository, RepositoryOptions, open_repository
from bkp.store.base import Kind
from bkp.store.memory import MemoryStore
from bkp.times import UTC
from packed import flip, object_of
from repos import PASSWORD, make_repo
from stores import FailingStore
from trees import build

SMALL_PACKS = RepositoryOptions(pack_size=64 << 10)
NEW_PASSWORD = "another one"
NAMES = "abcdefg"
NUMBERS = range(3)
DAY = 24 * 3600 * 10**9  # ns
NOW = 19 * 10**17  # in 2030

Work = Callable[[Repository], None]


def tag(repo: Repository) -> None:
    with repo.lock() as lock:
        list(change_tags(repo, lock, repo.snapshots.load_all(), TagChange(add=("new",))))


def rewriting(*, forget: bool) -> Work:
    selection = Selection(exclude=PatternList([b"/**/d/x"]))

    def work(repo: Repository) -> None:
        with repo.lock() as lock:
            found = repo.snapshots.load_all()
            repo.load_index()
            options = RewriteOptions(selection=selection, forget=forget)
            list(rewrite(repo, lock, found, options, ignore))

    return work


def repairing_index(*, read_all: bool) -> Work:
    def work(repo: Repository) -> None:
        with repo.lock(exclusive=True) as lock:
            repair_index(repo, lock, ignore, read_all=read_all)

    return work


def repair_damaged_packs(repo: Repository) -> None:
    looking = open_repository(repo.store, PASSWORD, options=RepositoryOptions(no_lock=True))
    broken = check(looking, CheckOptions(read=Everything())).broken_packs
    with repo.lock(exclusive=True) as lock:
        repo.load_index()
        repair_packs(repo, lock, broken, ignore)


def repair_all_snapshots(repo: Repository) -> None:
    with repo.lock() as lock:
        found = repo.snapshots.load_all()
        repo.load_index()
        list(repair_snapshots(repo, lock, found, RepairOptions(forget=True), ignore))


def recover_trees(repo: Repository) -> None:
    labels = SnapshotLabels(host="host", time_ns=10**18, zone=UTC)
    with repo.lock(exclusive=True) as lock:
        repair_index(repo, lock, ignore)
        recover(repo, lock, labels, ignore)


def migrate_to_2(repo: Repository) -> None:
    if repo.config.version == 1:
        with repo.lock(exclusive=True) as lock:
            migrate(repo, lock, UPGRADE_TO_2)


def add_key(repo: Repository) -> None:
    add_password(repo, NEW_PASSWORD)


def remove_other_keys(repo: Repository) -> None:
    for slot in repo.key_slots():
        if slot.id != repo.key_id:
            remove_password(repo, slot.id)


def change_key(repo: Repository) -> None:
    change_password(repo, NEW_PASSWORD)


def lose_index(repo: Repository) -> None:
    """Damage one index object and lose another."""
    first, second = list(index_objects(repo))[:2]
    flip(repo.store, first, 30)
    repo.store.delete(second)


def index_objects(repo: Repository) -> Iterator[Any]:
    return (name for name, _ in repo.store.scan(Kind.INDEX))


def damage_pack(repo: Repository) -> None:
    """Flip a bit in the largest pack of data."""
    repo.load_index()
    places = [one for one in repo.index.all_places() if one.blob.type is BlobType.DATA]
    place = max(places, key=lambda one: one.blob.length)
    flip(repo.store, object_of(place.pack), place.blob.offset + 30)


def lose_snapshots(repo: Repository) -> None:
    for name in repo.snapshots.ids()[:2]:
        repo.snapshots.remove(name)


def forgetting(left: int) -> Work:
    """Forget the oldest snapshots but so many."""

    def work(repo: Repository) -> None:
        with repo.lock() as lock:
            found = repo.snapshots.load_all()
            names = [saved.id for saved in found[: len(found) - left]]
            remove_snapshots(repo, lock, names, ignore)

    return work


def pruning(at: int, **options: bool) -> Work:
    def work(repo: Repository) -> None:
        chosen = PruneOptions(max_unused=lambda _: 0, **options)
        prune(repo, chosen, ignore, clock=lambda: at)

    return work


FORGET_ONE, FORGET_TWO = forgetting(len(NUMBERS) - 1), forgetting(len(NUMBERS) - 2)


@dataclass(frozen=True)
class Case:
    """A piece of work, and what comes before it.

    Until it is done the repository `is_damaged`; of its snapshots the oldest
    may go, as many as `goes` says, and what nobody needs if it `frees`.
    """

    work: Work
    before: list[Work] = field(default_factory=list)
    version: int = 2
    least: int = 3  # changes; a lock that comes and goes, and something between
    is_damaged: bool = False
    goes: int = 0
    frees: bool = False


CASES = {
    "forget": Case(FORGET_ONE, goes=1),
    "mark": Case(pruning(NOW), [FORGET_ONE], frees=True, least=6),
    "delete": Case(pruning(NOW + DAY), [FORGET_ONE, pruning(NOW)], frees=True),
    "mark and delete": Case(
        pruning(NOW + DAY), [FORGET_ONE, pruning(NOW), FORGET_TWO], frees=True, least=8
    ),
    "at once": Case(pruning(NOW, at_once=True), [FORGET_ONE], frees=True, least=6),
    "at once, what is marked": Case(
        pruning(NOW, at_once=True), [FORGET_ONE, pruning(NOW), FORGET_TWO], frees=True
    ),
    "at once, without room": Case(
        pruning(NOW, at_once=True, no_free_space=True), [FORGET_ONE], frees=True
    ),
    "tag": Case(tag, least=8),
    "rewrite": Case(rewriting(forget=False), least=10),
    "rewrite and forget": Case(rewriting(forget=True), least=13),
    "repair index": Case(repairing_index(read_all=False), [lose_index], is_damaged=True),
    "repair index from all packs": Case(
        repairing_index(read_all=True), [lose_index], is_damaged=True, least=5
    ),
    "repair packs": Case(repair_damaged_packs, [damage_pack], is_damaged=True, least=5),
    "repair snapshots": Case(
        repair_all_snapshots, [damage_pack, repair_damaged_packs], is_damaged=True, least=6
    ),
    "recover": Case(recover_trees, [lose_snapshots], least=5),
    "migrate": Case(migrate_to_2, version=1),
    "add a key": Case(add_key),
    "remove a key": Case(remove_other_keys, [add_key]),
    "change the password": Case(change_key, least=4),
}


def opened(store: Any) -> Repository:
    """Open by whichever password opens."""
    try:
        return open_repository(store, PASSWORD, options=SMALL_PACKS)
    except WrongPassword:
        return open_repository(store, NEW_PASSWORD, options=SMALL_PACKS)


def build_states(tmp_path: Path) -> list[Path]:
    """Three directories that share some of their files."""
    for number in NUMBERS:
        files = {name: Random(name).randbytes(9000) for name in NAMES[number : number + 5]}
        tree: Any = {**files, "d": {"x": b"%d" % number, "y": b"y"}}
        build(tmp_path / f"state-{number}", tree)
    return [tmp_path / f"state-{number}" for number in NUMBERS]


def prepare(states: list[Path], case: Case) -> FailingStore:
    store = FailingStore()
    make_repo(store, version=case.version, options=SMALL_PACKS)
    for state in states:
        snapshot(opened(store), [state])
    for work in case.before:
        work(opened(store))
    return store


Contents = list[set[tuple[bytes, str]]]


def contents(store: MemoryStore) -> Contents:
    """Return what can be read of each snapshot, but for what one of the cases takes out."""
    repo = opened(store)
    repo.load_intact_index()
    return [set(below(repo, saved.snapshot.tree)) for saved in repo.snapshots.load_all()]


def below(repo: Repository, tree: BlobId) -> Iterator[tuple[bytes, str]]:
    for path, node in walk(repo, tree, ignore):
        for name in node.content or ():
            with suppress(IntegrityError):
                repo.read_blob(BlobType.DATA, BlobId(bytes.fromhex(name)))
                if node.name != b"x":
                    yield path, name


def assert_kept(before: Contents, after: Contents) -> None:
    assert all(any(held <= now for now in after) for held in before)


def readable(store: MemoryStore) -> set[tuple[BlobType, BlobId]]:
    """Return the blobs that can be read."""
    repo = opened(store)
    repo.load_intact_index()
    found = set()
    for place in repo.index.all_places():
        with suppress(IntegrityError):
            repo.read_blob(place.blob.type, place.blob.id)
            found.add((place.blob.type, place.blob.id))
    return found


def assert_sound(store: MemoryStore) -> None:
    assert check(opened(store), CheckOptions(read=Everything())).faults == ()
