"""The tree of a directory has the same id from bkp and from restic."""

from pathlib import Path

import difficult
import pytest
from program import Bkp
from restic import Restic

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Africa/Monrovia"]


def snapshot_with_both(
    restic: Restic, bkp: Bkp, *targets: str, cwd: Path, env: dict[str, str] | None = None
) -> tuple[str, str]:
    """Return the tree ids of restic and bkp, each reading everything itself."""
    restic.run("backup", "--force", *targets, cwd=cwd, env=env or {})
    by_restic = restic.tree_of_latest()
    bkp.run("snapshot", "--force", *targets, cwd=cwd, env=env or {})
    return by_restic, restic.tree_of_latest()


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("zone", ZONES)
def test_of_a_difficult_directory(
    restic: Restic, bkp: Bkp, quiet_path: Path, zone: str, version: str
) -> None:
    difficult.build(quiet_path / "src")
    restic.run("init", "--repository-version", version)

    ours, theirs = snapshot_with_both(
        restic, bkp, str(quiet_path / "src"), cwd=quiet_path, env={"TZ": zone}
    )

    assert ours == theirs


TARGETS = {
    "absolute": ["{root}/a"],
    "relative": ["a"],
    "dot": ["."],
    "dot dot": [".."],
    "up and down": ["../work/a", "a/b"],
    "inside each other": ["a", "a/b/c"],
    "the inner one first": ["a/b/c", "a"],
    "twice": ["a", "a", "./a"],
    "same first name": ["a", "../a"],
    "absolute and relative": ["{root}/a", "a"],
    "a file": ["a/b/file"],
    "files and directories": ["a/b/file", "d", "{root}/d/e"],
    "through a link": ["link/b"],
    "a link itself": ["link"],
    "trailing slash": ["a/b/"],
}


@pytest.mark.parametrize("name", TARGETS)
def test_of_targets_in_every_spelling(restic: Restic, bkp: Bkp, quiet_path: Path, name: str) -> None:
    work = quiet_path / "top" / "work"
    (work / "a" / "b" / "c").mkdir(parents=True)
    (work / "d" / "e").mkdir(parents=True)
    (work.parent / "a" / "other").mkdir(parents=True)
    (work / "a" / "b" / "file").write_text("file")
    (work / "a" / "b" / "c" / "deep").write_text("deep")
    (work / "link").symlink_to("a")
    restic.run("init")
    targets = [target.format(root=work) for target in TARGETS[name]]

    ours, theirs = snapshot_with_both(restic, bkp, *targets, cwd=work)

    assert ours == theirs
    paths = [snapshot["paths"] for snapshot in restic.snapshots()]
    assert paths[0] == paths[1]


EXCLUDES = {
    "a name": ["-e", "*.tmp"],
    "a path": ["-e", "{root}/sub"],
    "a negation": ["-e", "*.tmp", "-e", "!keep.tmp"],
    "any case": ["--iexclude", "*.TMP"],
    "any depth": ["-e", "sub/**/x"],
    "marked directories": ["--exclude-if-present", ".nobackup"],
    "marked with a header": ["--exclude-if-present", ".nobackup:yes"],
    "caches": ["--exclude-caches"],
    "large files": ["--exclude-larger-than", "1K"],
    "a class": ["-e", "[ab]?.t*"],
}


@pytest.mark.parametrize("name", EXCLUDES)
def test_with_excludes(restic: Restic, bkp: Bkp, quiet_path: Path, name: str) -> None:
    root = quiet_path / "src"
    (root / "sub" / "one" / "two").mkdir(parents=True)
    for path in ("a1.tmp", "b2.txt", "keep.tmp", "sub/x", "sub/one/x", "sub/one/two/x", "UP.TMP"):
        (root / path).write_text(path)
    (root / "big").write_bytes(bytes(3000))
    (root / "sub" / ".nobackup").write_text("no")
    cache = root / "cache"
    cache.mkdir()
    (cache / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n")
    (cache / "junk").write_text("junk")
    restic.run("init")
    options = [option.format(root=root) for option in EXCLUDES[name]]

    ours, theirs = snapshot_with_both(restic, bkp, *options, str(root), cwd=quiet_path)

    assert ours == theirs
