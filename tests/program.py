"""bkp, driven as a program in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


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
            env=self.env | env,
            cwd=cwd,
            input=stdin.decode("latin-1"),
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
        shown = f"bkp {args}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        assert "Traceback" not in result.stderr, shown
        assert result.returncode == code or (code is None and result.returncode != 0), shown
        return result

    def lines(self, *args: str | bytes, code: int = 0) -> list[dict[str, Any]]:
        """Run a command with --json and return the values it prints."""
        output = self.run(*args, "--json", code=code).stdout
        return [json.loads(line) for line in output.splitlines() if line]

    def snapshot(self, *args: str | bytes, cwd: Path | None = None, code: int = 0) -> str:
        """Take a snapshot; return its id."""
        output = self.run("snapshot", "--json", *args, cwd=cwd, code=code).stdout
        return str(json.loads(output.splitlines()[-1])["snapshot_id"])
