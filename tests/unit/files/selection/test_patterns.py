"""Patterns mean what restic's documentation and behaviour say.

The reference is the same language spelled out: no compiling, no remembering.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bkp.errors import UsageError
from bkp.files.selection.globs import compile_glob
from bkp.files.selection.patterns import PatternList, clean


def matches(pattern: bytes, path: bytes) -> bool:
    return PatternList([pattern]).matches(path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (b"foo", b"/foo"),
        (b"foo", b"/a/foo"),
        (b"foo", b"/a/foo/b"),  # below a match
        (b"foo/bar", b"/a/foo/bar"),
        (b"*.o", b"/a/x.o"),
        (b"*.o", b"/a/.o"),
        (b"*.o", b"/x.o/y"),
        (b"x*", b"/x"),
        (b"a*b*c", b"/a.b.b.c"),
        (b"/foo", b"/foo"),
        (b"/foo", b"/foo/bar"),
        (b"/foo/", b"/foo"),
        (b"/a/*/c", b"/a/b/c"),
        (b"/", b"/anything"),
        (b"**", b"/anything"),
        (b"/**/c", b"/c"),
        (b"/**/c", b"/a/b/c/d"),
        (b"/a/**/d", b"/a/d"),
        (b"/a/**/d", b"/a/b/c/d"),
        (b"a/**/d", b"/x/a/b/c/d/e"),
        (b"/a/./b/../c", b"/a/c"),
        (b"a**b", b"/a-b"),  # two stars inside a component are one
        (b"[a-c]x", b"/bx"),
        (b"[^a-c]x", b"/dx"),
        ("[à-ü]".encode(), "/é".encode()),
        (b"?", "/é".encode()),  # one character
        (b"?", b"/\xff"),  # a byte that is not UTF-8 is one too
        (b"[^x]", b"/\xff"),
        ("[\ufffd]".encode(), b"/\xff"),
        (b"\\*", b"/*"),
        (b"[\\]]", b"/]"),
        (b"a[b]c/*", b"/abc/d"),
        (b"*???", "/\U0001f600".encode()),  # a star may end inside a character
        (b"a\nb", b"/a\nb"),
    ],
)
def test_it_matches(pattern: bytes, path: bytes) -> None:
    assert matches(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (b"foo", b"/foo2"),
        (b"foo", b"/afoo"),
        (b"foo", b"/FOO"),
        (b"foo/bar", b"/foo/x/bar"),
        (b"/foo", b"/a/foo"),
        (b"*.o", b"/a.o.c"),
        (b"/a/*/c", b"/a/b/b/c"),
        (b"a?c", b"/a/c"),
        (b"[^b]", b"/b"),
        (b"a[^b]c", b"/a/c"),
        (b"\\*", b"/x"),
        (b".", b"/a"),
        (b"..", b"/a"),
        (b"[b-a]", b"/a"),
        # restic wants a component for every later part, `**` too, while it tries a `**`.
        (b"/a/**/b/**", b"/a/x/b"),
        (b"/a/**/b/**/c", b"/a/x/b/c"),
    ],
)
def test_it_does_not_match(pattern: bytes, path: bytes) -> None:
    assert not matches(pattern, path)


@pytest.mark.parametrize(
    "pattern",
    [b"[", b"[]", b"[]a]", b"[^]", b"[a", b"[a-]", b"[-a]", b"[a-b-c]", b"a\\", b"[\\", b"[\\]",
     b"x/[/y", b"![", b"[\xff]", b"[a-\xff]", b"foo\\/bar"],
)  # fmt: skip
def test_a_bad_pattern_is_refused(pattern: bytes) -> None:
    with pytest.raises(UsageError, match="invalid pattern"):
        PatternList([b"good", pattern])


def test_the_last_word_counts() -> None:
    patterns = PatternList([b"*.c", b"!keep.c", b"/tmp/keep.c"])

    assert patterns.matches(b"/a/x.c")
    assert not patterns.matches(b"/a/keep.c")
    assert patterns.matches(b"/tmp/keep.c")


def test_a_negation_counts_below_a_match_too() -> None:
    patterns = PatternList([b"/a", b"!/a/b"])

    assert patterns.matches(b"/a")
    assert not patterns.matches(b"/a/b/c")
    assert patterns.matches(b"/a/c")


def test_an_empty_list_matches_nothing() -> None:
    for patterns in (PatternList([]), PatternList([b""])):
        assert not patterns
        assert not patterns.matches(b"/a")
        assert not patterns.may_match_below(b"/a")


def test_case_can_be_ignored() -> None:
    patterns = PatternList(["Ünïcode*".encode(), b"[A]x", "\u0130".encode()], ignore_case=True)

    assert patterns.matches("/üNÏCODE.txt".encode())
    assert patterns.matches(b"/AX")
    assert patterns.matches(b"/i")  # Go lowers the dotted capital I to a plain one


def test_bytes_that_are_no_text_are_all_alike_when_case_is_ignored() -> None:
    assert PatternList([b"a\xfe"], ignore_case=True).matches(b"/A\xff")


@pytest.mark.parametrize(
    ("pattern", "path", "may"),
    [
        (b"anything", b"/a/b", True),
        (b"/a/b/c", b"/", True),
        (b"/a/b/c", b"/a", True),
        (b"/a/b/c", b"/a/b", True),
        (b"/a/b/c", b"/a/b/c/d", True),
        (b"/a/b/c", b"/b", False),
        (b"/a/b/c", b"/a/c", False),
        (b"/a/*/c", b"/a/x", True),
        (b"/a/**/c", b"/a/x/y/z", True),
        (b"/a/**/c", b"/b", False),
        (b"/**", b"/b", True),
    ],
)
def test_a_restore_need_not_enter_what_cannot_match(pattern: bytes, path: bytes, may: bool) -> None:
    assert PatternList([pattern]).may_match_below(path) is may


def test_what_was_taken_back_is_not_entered_for() -> None:
    patterns = PatternList([b"/a", b"!/a/b"])

    assert patterns.may_match_below(b"/a/c")
    assert not patterns.may_match_below(b"/a/b")


def test_the_path_is_cleaned_as_go_does() -> None:
    assert [clean(path) for path in (b"", b"//a//b/", b"/../a", b"a/../..", b"./a/.")] == [
        b".", b"/a/b", b"/a", b"..", b"a"
    ]  # fmt: skip


def test_many_stars_take_no_time() -> None:
    assert not matches(b"*a" * 30 + b"b", b"/" + b"a" * 2000)


# The reference: components in lists, recursion, and the glob by plain backtracking.


def glob(pattern: bytes, name: bytes) -> bool:
    return compile_glob(pattern).match(name) is not None


def slow_match(parts: list[bytes], path: list[bytes]) -> bool:
    """Match a pattern's components against a path's; both begin with b"/" if rooted."""
    if b"**" in parts:
        at = parts.index(b"**")
        return any(
            slow_match(parts[:at] + [b"*"] * count + parts[at + 1 :], path)
            for count in range(len(path) - len(parts) + 2)
        )
    if not parts:
        return not path
    rooted = parts[0] == b"/"
    for offset in range(0 if rooted else 1, 1 if rooted else len(path)):
        window = path[offset : offset + len(parts)]
        if len(window) == len(parts) and all(
            part == name if part == b"/" else glob(part, name)
            for part, name in zip(parts, window, strict=True)
        ):
            return True
    return False


def slow_list(patterns: list[bytes], path: bytes) -> bool:
    matched = False
    for pattern in patterns:
        negated = pattern.startswith(b"!")
        parts = clean(pattern[negated:]).split(b"/")
        if parts[0] == b"":
            parts[0] = b"/"
        found = slow_match([part or b"**" for part in parts], [b"/", *path[1:].split(b"/")])
        if found:
            matched = not negated
    return matched


COMPONENTS = st.sampled_from([b"a", b"b", b"c", b"*", b"?", b"a*", b"*b", b"[ab]", b"a*b", b"**"])
PATTERNS = st.builds(
    lambda sign, root, parts: sign + root + b"/".join(parts),
    st.sampled_from([b"", b"", b"!"]),
    st.sampled_from([b"", b"/"]),
    st.lists(COMPONENTS, min_size=1, max_size=6),
)
PATHS = st.lists(st.sampled_from([b"a", b"b", b"c", b"ab", b"abb"]), min_size=1, max_size=7).map(
    lambda parts: b"/" + b"/".join(parts)
)


@given(st.lists(PATTERNS, max_size=4), st.lists(PATHS, min_size=1, max_size=4))
def test_the_compiled_list_agrees_with_the_slow_one(
    patterns: list[bytes], paths: list[bytes]
) -> None:
    compiled = PatternList(patterns)
    for path in paths:
        assert compiled.matches(path) == slow_list(patterns, path), path


@given(PATTERNS, PATHS)
def test_nothing_matches_below_where_nothing_may(pattern: bytes, path: bytes) -> None:
    compiled = PatternList([pattern.removeprefix(b"!")])
    if compiled.matches(path):
        ends = [at for at in range(1, len(path)) if path[at : at + 1] == b"/"]
        assert all(compiled.may_match_below(path[:end]) for end in ends)


def slow_star(pattern: str, name: str) -> bool:
    """Match `*`, `?` and letters by trying everything."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return slow_star(pattern[1:], name) or (bool(name) and slow_star(pattern, name[1:]))
    return bool(name) and pattern[0] in ("?", name[0]) and slow_star(pattern[1:], name[1:])


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_a_glob_agrees_with_plain_backtracking(pattern: str, name: str) -> None:
    assert glob(pattern.encode(), name.encode()) == slow_star(pattern, name)


@given(st.characters(exclude_categories=["Cs"]), st.characters(exclude_categories=["Cs"]),
       st.characters(exclude_categories=["Cs"], exclude_characters="/\0"))  # fmt: skip
def test_a_class_holds_the_characters_between_its_ends(low: str, high: str, name: str) -> None:
    pattern = f"[\\{low}-\\{high}]".encode()

    assert glob(pattern, name.encode()) == (low <= name <= high)
    assert glob(b"[^" + pattern[1:], name.encode()) == (not low <= name <= high)
