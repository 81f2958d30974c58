"""Targets that are not there, and how paths are written; places are tested against restic."""

import os
from pathlib import Path

import pytest

from bkp.errors import UsageError
from bkp.events import Event, Problem, ignore
from bkp.files.reading.targets import absolute_paths, plan_targets
from bkp.files.reading.walk import Step, walk
from bkp.files.selection.excludes import Excludes
from trees import Symlink, build, remove_deep


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    build(tmp_path, {"a": {"x": b""}, "b": b"", "link": Symlink("a")})
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PWD", raising=False)
    return tmp_path


def test_a_missing_target_is_reported_and_left_out(top: Path) -> None:
    events: list[Event] = []

    plan = plan_targets([b"b", b"no", b"b/x", b"a\0b", b""], events.append)

    assert plan.paths == [os.fsencode(top / "b")]
    assert [event.path for event in events if isinstance(event, Problem)] == [
        b"no", b"b/x", b"a\0b", b""
    ]  # fmt: skip


@pytest.mark.usefixtures("top")
@pytest.mark.parametrize("targets", [[], [b"no"], [b""]])
def test_without_any_target_there_is_nothing_to_do(targets: list[bytes]) -> None:
    with pytest.raises(UsageError):
        plan_targets(targets, ignore)


def test_paths_are_absolute_and_clean_in_the_order_given(top: Path) -> None:
    base = os.fsencode(top)

    assert absolute_paths([b"b", b"./a//x", b".", b"/x/../y/", b"b"]) == [
        base + b"/b", base + b"/a/x", base, b"/y", base + b"/b"
    ]  # fmt: skip


def test_the_shell_is_believed_about_where_we_are(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("link")

    monkeypatch.setenv("PWD", str(top / "link"))
    assert absolute_paths([b"x"]) == [os.fsencode(top / "link/x")]
    monkeypatch.setenv("PWD", str(top))
    assert absolute_paths([b"x"]) == [os.fsencode(top / "a/x")]


def test_a_directory_that_is_gone_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.delenv("PWD", raising=False)
    gone.rmdir()

    with pytest.raises(UsageError, match="current directory"):
        absolute_paths([b"x"])


def test_a_target_of_a_thousand_components_is_planned_and_walked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    depth = 1900  # python recurses to 1000, and a path takes 4095 bytes
    monkeypatch.chdir(tmp_path)
    for _ in range(depth):
        os.mkdir("d")
        os.chdir("d")
    monkeypatch.chdir(tmp_path)

    plan = plan_targets([b"d" + b"/d" * (depth - 1), b"d" + b"/d" * (depth - 2)], ignore)

    steps = [entry.step for entry in walk(plan, Excludes(), ignore)]
    assert steps == [Step.ENTER] * depth + [Step.LEAVE] * depth
    remove_deep(tmp_path)
