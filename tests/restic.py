"""The real restic, driven as a program.  It must be installed: it is the referee."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from program import started


class Restic:
    """Runs restic on one repository."""

    def __init__(self, repo: Path, cache: Path, password: str, env: Mapping[str, str] = {}) -> None:
        self.env = {
            **os.environ,
            "RESTIC_REPOSITORY": str(repo),
            "RESTIC_PASSWORD": password,
            "RESTIC_CACHE_DIR": str(cache),
            **env,
        }

    def run(
        self,
        *args: str,
        cwd: Path | None = None,
        env: Mapping[str, str] = {},
        check: bool = True,
        stdin: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; with `check`, a failure fails the test with restic's own words."""
        result = subprocess.run(
            ["restic", *args],
            env={**self.env, **env},
            cwd=cwd,
            input=stdin,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
        if check and result.returncode != 0:
            raise AssertionError(f"restic {args}: {result.stdout}\n{result.stderr}")
        return result

    @contextmanager
    def start(self, *args: str, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        """Start a command and go on beside it; it is killed if it outlives the `with`."""
        with started(["restic", *args], self.env, cwd) as process:
            yield process

    def backup(self, *args: str, cwd: Path | None = None) -> dict[str, Any]:
        """Take a snapshot; return the summary."""
        output = self.run("backup", *args, "--json", cwd=cwd).stdout
        summary: dict[str, Any] = json.loads(output.rstrip().rpartition("\n")[2])
        return summary

    def json(self, *args: str) -> Any:
        """Run a command that prints one JSON document."""
        return json.loads(self.run(*args, "--json").stdout)

    def check(self) -> None:
        """Assert that restic finds no fault, having read every byte."""
        result = self.run("check", "--read-data")
        assert "no errors were found" in result.stdout

    def snapshots(self) -> list[dict[str, Any]]:
        """Return the snapshots, oldest first."""
        found: list[dict[str, Any]] = self.json("snapshots")
        return found

    def tree_of_latest(self) -> str:
        """Return the id of the newest snapshot's tree."""
        return str(self.snapshots()[-1]["tree"])
