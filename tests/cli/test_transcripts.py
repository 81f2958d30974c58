"""What a person sees, command by command; the transcripts are beside this file.

A line `$ COMMAND` is run by a shell in an empty directory, what follows is all
it prints, both streams together; `? N` after that is its exit code if not 0.
In the output `<id>`, `<time>`, `<size>` and `<here>` stand for what differs
from run to run.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))

PLACEHOLDERS = {
    "<id>": "[0-9a-f]{8,64}",
    "<time>": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    "<size>": r"\d+(\.\d{3})? (B|KiB|MiB)",
    "<seconds>": r"\d+:\d\d",
}


class Turn(NamedTuple):
    command: str
    output: str
    code: int


def turns(text: str) -> Iterator[Turn]:
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, rest = part.partition("\n")
        code = re.search(r"^\? (\d+)\n", rest, flags=re.M)
        output = rest[: code.start()] if code else rest
        yield Turn(command, output.strip("\n"), int(code[1]) if code else 0)


def pattern(output: str, here: Path) -> str:
    expected = re.escape(output.replace("<here>", str(here)))
    for name, expression in PLACEHOLDERS.items():
        expected = expected.replace(re.escape(name), expression)
    return expected


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    work = tmp_path / "work"
    tools.mkdir()
    work.mkdir()
    (tools / "bkp").write_text(f'#!/bin/sh\nexec {sys.executable} -m bkp "$@"\n')
    (tools / "bkp").chmod(0o755)
    env = {key: value for key, value in os.environ.items() if key in ("LANG", "PYTHONPATH")}
    env |= {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(work), "TZ": "UTC"}
    found = list(turns(path.read_text()))
    assert found

    for turn in found:
        result = subprocess.run(
            ["sh", "-c", turn.command],
            env=env,
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        shown = result.stdout.strip("\n")
        assert re.fullmatch(pattern(turn.output, work), shown), f"$ {turn.command}\n{shown}"
        assert result.returncode == turn.code, turn.command
