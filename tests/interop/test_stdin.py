"""What a program prints is saved by bkp as it is by restic."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from bkp.repo.repository import Repository
from program import Bkp
from restic import Restic

TIMES = ("mtime", "atime", "ctime")


def nodes_of_latest(restic: Restic) -> list[dict[str, Any]]:
    """Return the nodes of the newest snapshot's tree, apart from their times."""
    tree = json.loads(restic.run("cat", "blob", restic.tree_of_latest()).stdout)
    return [
        {key: value for key, value in node.items() if key not in TIMES} for node in tree["nodes"]
    ]


@pytest.mark.parametrize("size", [7, 3 << 20])
def test_a_stream_makes_the_tree_restic_makes_of_it(
    make_repository: Callable[..., Repository], restic: Restic, bkp: Bkp, size: int
) -> None:
    make_repository()
    stream = Random(3).randbytes(size // 2).hex()
    options = ["--stdin", "--stdin-filename", "dump.sql"]

    restic.run("backup", *options, stdin=stream)
    by_restic = nodes_of_latest(restic)
    bkp.run("snapshot", *options, stdin=stream.encode())
    by_bkp = nodes_of_latest(restic)

    assert by_bkp == by_restic
    first, second = restic.snapshots()
    assert second["paths"] == first["paths"]
    assert restic.run("dump", "latest", "dump.sql").stdout == stream
    assert bkp.run("cat", f"{first['id']}:/dump.sql").stdout == stream
    restic.check()
