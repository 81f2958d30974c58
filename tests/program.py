"""bkp, driven as a program in a process of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def started(
    command: Sequence[str | bytes], env: Mapping[str, str], cwd: Path | None
) -> Iterator[subprocess.Popen[str]]:
    """Start a program with pipes; kill it when the `with` ends."""
    with subprocess.Popen(
        command,
        env=env,
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="surrogateescape",
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Return as soon as `condition` holds; fail if the process ends before or it takes long."""
    deadline = time.monotonic() + 60
    while not condition():
        if process.poll() is not None:
            pytest.fail(f"ended too early: {process.communicate()}")
        assert time.monotonic() < deadline
        time.sleep(0.002)


class Bkp:
    """Runs bkp on one repository, in an environment without anybody's settings."""

    def __init__(self, repo: Path, home: Path, password: str) -> None:
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("BKP_", "RESTIC_", "XDG_"))
        }
        self.env = {
            **kept,
            "HOME": str(home),
            "BKP_REPOSITORY": str(repo),
            "BKP_PASSWORD": password,
        }

    def run(
        self,
        *args: str | bytes,
        cwd: Path | None = None,
        env: Mapping[str, str] = {},
        code: int | None = 0,
        stdin: bytes = b"",
    ) -> subprocess.CompletedProcess[str]:
        """Run a command and assert its exit code; no output may show a traceback.

        With `code` None any failure will do.
        """
        result = subprocess.run(
            [sys.executable, "-m", "bkp", *args],
            env={**self.env, **env},
            cwd=cwd,
            input=stdin.decode("utf-8", "surrogateescape"),
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
        shown = f"bkp {args}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        assert "Traceback" not in result.stderr, shown
        assert result.returncode == code or (code is None and result.returncode != 0), shown
        return result

    def lines(self, *args: str | bytes, cwd: Path | None = None, code: int = 0) -> list[Any]:
        """Run a command with --json and return the values it prints."""
        output = self.run(*args, "--json", cwd=cwd, code=code).stdout
        return [json.loads(line) for line in output.split("\n") if line]

    @contextmanager
    def start(self, *args: str | bytes, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        """Start a command and go on beside it; it is killed if it outlives the `with`."""
        with started([sys.executable, "-m", "bkp", *args], self.env, cwd) as process:
            yield process

    def snapshot(self, *args: str | bytes, cwd: Path | None = None, code: int = 0) -> str:
        """Take a snapshot; return its id."""
        output = self.run("snapshot", "--json", *args, cwd=cwd, code=code).stdout
        return str(json.loads(output.rstrip().rpartition("\n")[2])["snapshot_id"])
