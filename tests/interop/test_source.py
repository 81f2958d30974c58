"""What is read from disk makes the tree restic makes of it, byte for byte."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from bkp.events import ignore
from bkp.files.reading.metadata import NodeReader
from bkp.files.reading.opening import open_file
from bkp.files.reading.targets import plan_targets
from bkp.files.reading.walk import Step, walk
from bkp.files.selection.excludes import ExcludeOptions, Excludes
from bkp.formats.tree import Node, encode_tree
from bkp.ids import blob_id
from bkp.store.local import LocalStore
from bkp.times import local_zone
from repos import PASSWORD, make_repo
from restic import Restic
from trees import Device, Dir, Fifo, File, HardLink, Socket, Sparse, Symlink, Tree, build

SECOND = 1_000_000_000


def root_tree(targets: Sequence[bytes], excludes: Excludes | None = None) -> str:
    """Make the trees of small files and return the name of the root's."""
    nodes = NodeReader(local_zone(), ignore)
    levels: list[list[Node]] = [[]]
    entered: list[Node] = []
    for entry in walk(plan_targets(targets, ignore), excludes or Excludes(), ignore):
        if entry.step is Step.ENTER:
            entered.append(nodes.read(entry))
            levels.append([])
        elif entry.step is Step.LEAVE:
            directory = entered.pop()
            directory.subtree = blob_id(encode_tree(levels.pop())).hex()
            levels[-1].append(directory)
        elif entry.is_file:
            with open_file(entry) as opened:
                node = nodes.read(entry, opened.stat)
                data = opened.stream.read()
            node.content = [blob_id(data).hex()] if data else []
            node.size = len(data)
            levels[-1].append(node)
        else:
            levels[-1].append(nodes.read(entry))
    return blob_id(encode_tree(levels.pop())).hex()


NAMES = (
    b"plain", b'q"uo\\te', b"new\nline", b"\x01\x7f control", b"inv\xff\xfealid", b"<a&b>", b"-rf",
    "nbsp\u00a0zwsp\u200bls\u2028ideo\u3000pua\ue000".encode(), "\U0001f600".encode(),
    b"\xed\xa0\x80 surrogate", b"\xc0\xaf overlong", b"n" * 255, b" ", b"a b", b"a-b", b"A", b"a.b",
)  # fmt: skip

TIMES = (0, 1, -1, 123 - 5 * SECOND, 1_600_000_000 * SECOND + 120_000_000, -2_000_000_000 * SECOND)


def awkward() -> Tree:
    """Return what is rare in a home directory, and legal."""
    tree: dict[str | bytes, object] = {name: name * 3 for name in NAMES}
    tree |= {f"t{number}": File(mtime_ns=ns) for number, ns in enumerate(TIMES)}
    tree |= {f"m{mode:o}": File(mode=mode) for mode in (0, 0o7, 0o1644, 0o2755, 0o4755, 0o7777)}
    tree |= {f"d{mode:o}": Dir(mode=mode) for mode in (0o700, 0o1777, 0o2775)}
    tree |= {
        "empty": b"",
        "links": {"a": b"x", "b": HardLink("links/a"), "l": Symlink("nowhere")},
        "raw": Symlink("caf\u00e9 <&> \u2028"),
        "p": Fifo(mode=0o644),
        "s": Socket(),
        "holes": Sparse(300_000, {100_000: b"x"}),
        "x": File(
            b"x", xattrs={"user.z": b"", "user.a": b"\0\xff", "user.m": b"v" * 300, "user.<&>": b""}
        ),
        "xd": Dir(xattrs={"user.d": b"1"}),
    }
    if os.geteuid() == 0:
        tree |= {
            "chr": Device(is_block=False, major=1, minor=3),
            "blk": Device(is_block=True, major=259, minor=65_537, mode=0o640),
            "owned": File(owner=(4_000_000_000, 3_999_999_999)),
            "ownedl": Symlink("x", owner=(1, 2)),
            "t": File(xattrs={"trusted.t": b"1", "user.t": b"2"}),
        }
    return tree  # type: ignore[return-value]


@pytest.fixture
def referee(tmp_path: Path) -> Restic:
    """Give restic a repository whose key is cheap to derive."""
    make_repo(LocalStore.create(tmp_path / "repo"))
    return Restic(tmp_path / "repo", tmp_path / "cache", PASSWORD)


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York", "Asia/Kolkata"])
def test_a_tree_is_called_as_restic_calls_it(
    tmp_path: Path, referee: Restic, zone: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path / "source", awkward())
    if zone is not None:
        monkeypatch.setenv("TZ", zone)
    monkeypatch.chdir(tmp_path)

    referee.run("backup", "source", env=dict(os.environ))

    assert root_tree([b"source"]) == referee.tree_of_latest()


@pytest.fixture
def places(quiet_path: Path) -> Path:
    """Make directories that targets are in and beside."""
    build(
        quiet_path / "w",
        {
            "a": {"x": b"1", "in": {"y": b"2", "z": b"3"}},
            "b": {"x": b"4", "a": {"deep": {"er": b"5"}}},
            "f": b"6",
            "to": Symlink("a"),
            "n": {"m": {"x": b"7", "y": b"8"}},
        },
    )
    return quiet_path / "w"


@pytest.mark.parametrize(
    ("below", "targets"),
    [
        ("", ["."]),
        ("a", ["."]),
        ("a", [".."]),
        ("a/in", ["../.."]),
        ("a", ["../b"]),
        ("a", ["../b", "x"]),
        ("b", ["a", "../a"]),  # one name, two places
        ("b", ["../a", "a", "x", "../b/x", "../f"]),
        ("", ["to"]),  # a link named is saved as a link
        ("", ["to/in"]),  # one on the way becomes a directory
        ("", ["a", "a/in"]),
        ("", ["a/in", "a"]),
        ("", ["n/m/x", "n"]),
        ("", ["n/m/x", "n", "n/m"]),
        ("", ["n/m/x", "n/m/y"]),
        ("", ["f", "./f", "a/../f"]),
        ("", [".", "a"]),
        ("", ["{w}/a", "{w}/b/a/deep", "a"]),
        ("", ["{w}/a/in/../x", "//{w}//f"]),
    ],
)
def test_targets_take_the_places_restic_gives_them(
    places: Path, referee: Restic, below: str, targets: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(places / below)
    monkeypatch.setenv("PWD", str(places / below))
    named = [target.replace("{w}", str(places)) for target in targets]

    referee.run("backup", *named)

    snapshot = referee.snapshots()[-1]
    plan = plan_targets([os.fsencode(target) for target in named], ignore)
    # restic sorts the paths in its listing, though not in the snapshot.
    assert sorted(os.fsdecode(path) for path in plan.paths) == sorted(snapshot["paths"])
    assert root_tree([os.fsencode(target) for target in named]) == snapshot["tree"]


EXCLUDABLE: Tree = {
    "keep": b"1",
    "Drop.TMP": b"2",
    "a.tmp": b"3",
    "cache": {"CACHEDIR.TAG": b"Signature: 8a477f597d28d172789f06886806bc55\n", "x": b"4"},
    "fake": {"CACHEDIR.TAG": b"Signature: none", "x": b"5"},
    "short": {"CACHEDIR.TAG": b"Sig", "x": b"5"},
    "marked": {".nobackup": b"", "d": {"x": b"6"}},
    "both": {".nobackup": b"", "CACHEDIR.TAG": b"Signature: 8a477f597d28d172789f06886806bc55"},
    "said": {"why": b"because", "x": b"7"},
    "unsaid": {"why": b"why not", "x": b"7"},
    "large": b"x" * 2000,
    "d": {"e": {"f": {"a.tmp": b"8", "g": b"9", "keep.tmp": b"10"}}},
}


@pytest.mark.parametrize(
    ("options", "excludes"),
    [
        (["-e", "*.tmp"], ExcludeOptions(patterns=(b"*.tmp",))),
        (["--iexclude", "*.tmp"], ExcludeOptions(patterns_ignoring_case=(b"*.tmp",))),
        (
            ["-e", "*.tmp", "-e", "!keep.tmp"],
            ExcludeOptions(patterns=(b"*.tmp", b"!keep.tmp")),
        ),
        (["-e", "d/**/g"], ExcludeOptions(patterns=(b"d/**/g",))),
        (["-e", "/**/d/**/f/**"], ExcludeOptions(patterns=(b"/**/d/**/f/**",))),
        (["--exclude-caches"], ExcludeOptions(caches=True)),
        (["--exclude-if-present", ".nobackup"], ExcludeOptions(if_present=(b".nobackup",))),
        (
            ["--exclude-if-present", ".nobackup", "--exclude-caches"],
            ExcludeOptions(if_present=(b".nobackup",), caches=True),
        ),
        (["--exclude-if-present", "why:because"], ExcludeOptions(if_present=(b"why:because",))),
        (["--exclude-larger-than", "1K"], ExcludeOptions(larger_than=1024)),
        (["-x"], ExcludeOptions(one_file_system=True)),
    ],
)
def test_the_same_is_excluded_as_by_restic(
    tmp_path: Path,
    referee: Restic,
    options: list[str],
    excludes: ExcludeOptions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build(tmp_path / "w", {"source": EXCLUDABLE})
    monkeypatch.chdir(tmp_path / "w")
    monkeypatch.setenv("PWD", str(tmp_path / "w"))

    referee.run("backup", "source", *options)

    assert root_tree([b"source"], Excludes(excludes)) == referee.tree_of_latest()
