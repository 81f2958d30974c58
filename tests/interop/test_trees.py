"""The tree of a difficult directory has the same id from bkp and from restic.

Targets and excludes in every spelling are in test_source.
"""

from pathlib import Path

import pytest

import difficult
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


@pytest.mark.parametrize(
    ("zone", "version"), [*((zone, "2") for zone in ZONES), ("Europe/Berlin", "1")]
)
def test_of_a_difficult_directory(
    restic: Restic, bkp: Bkp, quiet_path: Path, zone: str, version: str
) -> None:
    difficult.build(quiet_path / "src")
    restic.run("init", "--repository-version", version)

    ours, theirs = snapshot_with_both(
        restic, bkp, str(quiet_path / "src"), cwd=quiet_path, env={"TZ": zone}
    )

    assert ours == theirs
