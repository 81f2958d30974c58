"""Lists of targets and of patterns are read as restic reads them."""

import os
from pathlib import Path

import pytest

from bkp.errors import UsageError
from bkp.events import Event, Notice, ignore
from bkp.files.selection.filelists import read_globs, read_raw, read_verbatim
from bkp.files.selection.patternfiles import read_patterns
from trees import Symlink, Tree, build


@pytest.fixture(autouse=True)
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a current directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(content: bytes) -> bytes:
    Path("list").write_bytes(content)
    return b"list"


def test_globs_are_expanded_and_sorted(top: Path) -> None:
    tree: Tree = {
        "b.c": b"",
        ".a.c": b"",
        "d": {"x.c": b"", "y": b""},
        "e": {"x.c": b""},
        "[x]": b"",
    }
    build(top, {**tree, "l": Symlink("nowhere"), b"\xff.c": b""})

    content = b"\n  # comment\n *.c\t\r\n\xc2\xa0d/y\n*/x.c\n./d/*\nl\n\\[x]\n/\n../*/nothing*\n"
    assert read_globs(written(content), ignore) == [
        b".a.c", b"b.c", b"\xff.c", b"d/y", b"d/x.c", b"e/x.c", b"d/x.c", b"d/y", b"l", b"[x]", b"/"
    ]  # fmt: skip


def test_a_glob_that_fits_nothing_is_reported() -> None:
    events: list[Event] = []

    assert read_globs(written(b"no*\nno\n"), events.append) == []
    assert events == [
        Notice(f"pattern {name!r} does not match any files, skipping") for name in ("no*", "no")
    ]


def test_a_bad_glob_is_refused() -> None:
    with pytest.raises(UsageError):
        read_globs(written(b"[\n"), ignore)


def test_verbatim_lines_are_names() -> None:
    content = b" a \n\n# b\n*\r\n\xff\n\t\nlast"

    assert read_verbatim(written(content)) == [b" a ", b"# b", b"*", b"\xff", b"\t", b"last"]


def test_raw_names_may_hold_newlines() -> None:
    assert read_raw(written(b" a\n\0\xff\0")) == [b" a\n", b"\xff"]
    assert read_raw(written(b"")) == []


@pytest.mark.parametrize("content", [b"a", b"a\0b", b"\0", b"a\0\0"])
def test_raw_lists_that_are_cut_or_hold_nothing_are_refused(content: bytes) -> None:
    with pytest.raises(UsageError):
        read_raw(written(content))


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert read_verbatim(written(b"\xef\xbb\xbfa\n")) == [b"a"]
    for encoding in ("utf-16-le", "utf-16-be"):
        content = "\ufeffé\r\nb\n".encode(encoding)
        assert read_verbatim(written(content)) == ["é".encode(), b"b"]
    with pytest.raises(UsageError, match="UTF-16"):
        read_verbatim(written(b"\xff\xfea"))


@pytest.mark.parametrize("path", [b"no", b"."])
def test_a_list_that_cannot_be_read_is_an_error(path: bytes) -> None:
    for read in (read_verbatim, read_raw, lambda path: read_patterns([path])):
        with pytest.raises(UsageError, match="cannot read"):
            read(path)


def test_standard_input_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a\nb\n")
    os.close(writing)
    with open(reading) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert read_verbatim(b"-") == [b"a", b"b"]


def test_pattern_files_are_trimmed_and_may_hold_comments() -> None:
    assert read_patterns([written(b" *.o \r\n\n#no\n  # no\n!a b\n")]) == [b"*.o", b"!a b"]


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        (b"$V/x", b"value/x"),
        (b"${V}x", b"valuex"),
        (b"$Vx", b""),
        (b"a$UNSET/b", b"a/b"),
        (b"$$V", b"$V"),
        (b"a$", b"a$"),
        (b"a$/b", b"a$/b"),
        (b"${V", b"V"),  # unfinished: what begins it is dropped
        (b"a${}b", b"ab"),
        (b"$1x", b"x"),
        (b"${$}", b"$"),
        (b"\xff$V", b"\xffvalue"),
    ],
)
def test_variables_are_put_in(line: bytes, pattern: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("V", "value")

    assert read_patterns([written(line)]) == [pattern]
