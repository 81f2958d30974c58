"""What a check advises, done in that order, mends what it found, and keeps what is left.

The real restic is asked about some of the repositories that come of it.
"""

import shlex
from pathlib import Path

import pytest

from bkp.store.base import Kind
from bkp.store.local import LocalStore
from bkp.store.memory import MemoryStore
from commandline import CommandLine
from damages import DAMAGES, HERE, Content, Example, assert_kept, damaged, restorable
from repos import PASSWORD
from restic import Restic
from stores import objects

COSTS_NOTHING = {"a byte short", "last byte", "longer", "swapped"}  # of packs
CASES = [
    (what, how)
    for what in ("other key", "index", "trees", "data", "snapshot")
    for how in DAMAGES
    if (what, how) != ("other key", "swapped")  # then none opens the repository
]
SHOWN_TO_RESTIC = {
    ("index", "deleted"),
    ("trees", "middle"),
    ("data", "half"),
    ("data", "swapped"),
    ("snapshot", "random"),
}


@pytest.mark.parametrize("reads", [["--read-data"], []], ids=["all is read", "only trees are"])
@pytest.mark.parametrize("is_on_disk", [False, True], ids=["for good", "still on disk"])
@pytest.mark.parametrize(("what", "how"), CASES)
def test_what_is_advised_mends_it(
    what: str,
    how: str,
    is_on_disk: bool,
    reads: list[str],
    example: Example,
    line: CommandLine,
    tmp_path: Path,
) -> None:
    store, _ = damaged(example, what, how)
    line.stores = {HERE: store}
    whole = restorable(example.store())
    before = restorable(store)

    remedies = line.run(HERE, "check", *reads).remedies()
    for remedy in remedies:
        words = shlex.split(remedy)
        if words[0] != "snapshot":
            line.run(HERE, *words)
        elif is_on_disk:
            assert line.run(HERE, "snapshot", str(example.source)).code == 0

    assert line.run(HERE, "check", *reads).code == 0
    after = restorable(store)
    assert_kept(before, after)
    if what == "index" or (how in COSTS_NOTHING and what != "snapshot"):
        assert_kept(whole, after)
    if what == "snapshot" and how != "deleted":
        assert blobs_of(whole) <= blobs_of(after)
    if is_on_disk and "snapshot PATH..." in remedies:
        assert_kept(whole[-1:], after)
    if reads and not is_on_disk and (what, how) in SHOWN_TO_RESTIC:
        assert_sound_to_restic(store, tmp_path)


def blobs_of(contents: list[Content]) -> set[bytes]:
    return {blob for content in contents for _, blob in content}


def assert_sound_to_restic(store: MemoryStore, tmp_path: Path) -> None:
    copy_of = LocalStore.create(tmp_path / "repo")
    for kind in Kind:
        for name in objects(store, kind):
            copy_of.put(name, store.get(name))
    Restic(tmp_path / "repo", tmp_path / "cache", PASSWORD).check()
