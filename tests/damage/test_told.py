"""What the program says of damage, and how it ends: a selection, as a person would meet it."""

from pathlib import Path

import pytest

from bkp.store.base import Kind
from bkp.store.local import LocalStore
from bkp.store.memory import MemoryStore
from damages import Example, damaged
from program import Bkp
from repos import PASSWORD, make_repo
from stores import objects

UNNAMED = "damaged: it does not match its name; "

# What is damaged and how, and a command; its exit code, and what it says.
CASES = {
    ("config", "deleted", "snapshots"): (10, "the config of {repo} is missing; only a copy"),
    ("config", "middle", "restore"): (1, "if it is the config, only a copy of that object helps"),
    ("key", "deleted", "restore"): (12, "the password opens no key of {repo}"),
    ("key", "half", "restore"): (1, f"keys/{{id}} is {UNNAMED}the passwords of other keys still"),
    ("other key", "half", "key list"): (1, f"keys/{{id}}: {UNNAMED}`bkp key remove {{short}}`"),
    ("other key", "half", "key remove {id}"): (0, ""),
    ("lock", "random", "prune"): (11, "lock {short} (unreadable); if nobody is at work any more"),
    ("lock", "random", "unlock"): (0, "left lock {short} (unreadable); `bkp unlock --remove-all`"),
    ("lock", "random", "unlock --remove-all"): (0, ""),
    ("index", "middle", "snapshot {source}"): (1, f"index/{{id}} is {UNNAMED}`bkp repair index`"),
    ("index", "middle", "ls"): (1, f"index/{{id}}: {UNNAMED}what no other index names cannot be"),
    ("index", "middle", "prune"): (1, "`bkp repair index` replaces it.  Nothing was changed"),
    ("index", "deleted", "repair snapshots --forget"): (1, "`bkp repair index` has to come first"),
    ("trees", "middle", "repair snapshots"): (1, "`bkp repair packs {id}` has to come first"),
    ("trees", "middle", "rewrite -e x"): (1, "`bkp check` tells what that means"),
    ("trees", "half", "repair index"): (1, "`bkp repair packs {id}` saves what is intact in it"),
    ("data", "half", "prune"): (1, "data/{id} is needed, but has "),
    ("data", "half", "copy --from-repo {repo}"): (1, "not copied: data blob "),
    ("data", "random", "restore -t back"): (3, "in pack {id}: the authentication code does not"),
    ("snapshot", "half", "snapshots"): (1, f"snapshots/{{id}}: {UNNAMED}`bkp repair snapshots --f"),
    ("snapshot", "half", "forget latest"): (1, "which snapshot is the latest cannot be known"),
    ("snapshot", "half", "tag --add new latest"): (1, "the latest cannot be known: snapshots/{id}"),
    ("snapshot", "half", "prune"): (1, "`bkp recover` finds what was in it.  Nothing was changed"),
    ("snapshot", "half", "repair snapshots --forget {id}"): (0, "snapshots/{id}: it is damaged"),
}


def put_on_disk(store: MemoryStore, path: Path) -> None:
    on_disk = LocalStore.create(path)
    for kind in Kind:
        for name in objects(store, kind):
            on_disk.put(name, store.get(name))


@pytest.mark.parametrize(("what", "how", "command"), CASES)
def test_it_is_told(what: str, how: str, command: str, example: Example, tmp_path: Path) -> None:
    code, words = CASES[what, how, command]
    store, name = damaged(example, what, how)
    repo = tmp_path / "repo"
    put_on_disk(store, repo)
    told = {"repo": repo, "id": name.id, "short": name.id[:8], "source": example.source}
    env = {}
    if "--from-repo" in command:
        make_repo(LocalStore.create(tmp_path / "other"))
        env = {"BKP_FROM_PASSWORD": PASSWORD, "BKP_REPOSITORY": str(tmp_path / "other")}

    args = [word.format(**told) for word in command.split()]
    result = Bkp(repo, tmp_path, PASSWORD).run(*args, cwd=tmp_path, env=env, code=code)

    assert words.format(**told) in result.stderr
