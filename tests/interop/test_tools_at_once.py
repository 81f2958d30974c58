"""restic and bkp add to one repository at the same time, and both are complete."""

from collections.abc import Callable
from pathlib import Path
from random import Random

from bkp.repo.repository import Repository
from program import Bkp
from restic import Restic
from trees import describe


def test_restic_and_bkp_at_once(
    make_repository: Callable[..., Repository], restic: Restic, bkp: Bkp, tmp_path: Path
) -> None:
    make_repository()
    sources = [tmp_path / "one", tmp_path / "two"]
    random = Random(17)
    for source in sources:
        source.mkdir()
    for turn in range(3):
        shared = random.randbytes(6 << 20)
        for source in sources:
            (source / f"shared {turn}").write_bytes(shared)
            (source / f"own {turn}").write_bytes(random.randbytes(4 << 20))

        with (
            bkp.start("snapshot", "one", cwd=tmp_path) as ours,
            bkp.start("snapshot", "two", cwd=tmp_path) as ours_too,
            restic.start("backup", "two", cwd=tmp_path) as theirs,
        ):
            for process in (ours, ours_too, theirs):
                output = process.communicate()
                assert process.returncode == 0, output

    restic.check()
    bkp.run("check", "--read-data")
    assert len(restic.snapshots()) == 9
    for path, tool in (("one", restic), ("two", bkp), ("two", restic)):
        target = tmp_path / f"out {path} {type(tool).__name__}"
        tool.run("restore", "latest", "--path", str(tmp_path / path), "--target", str(target))
        assert describe(target / path) == describe(tmp_path / path)
