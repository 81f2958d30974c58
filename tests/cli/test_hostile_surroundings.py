"""Storage, streams and environments that nobody would make on purpose."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bkp.crypto.kdf import Cost
from bkp.repo.repository import NewRepository, init_repository
from bkp.store.local import LocalStore
from program import Bkp

PASSWORD = "geheim und lang"


@pytest.fixture
def made(bkp: Bkp, repo_path: Path) -> Bkp:
    store = LocalStore.create(repo_path)
    init_repository(store, PASSWORD, NewRepository(kdf_cost=Cost(2, 8, 1)))
    return bkp


def test_a_pipe_that_does_not_block_is_read_to_its_end(made: Bkp) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    process = subprocess.Popen(
        [sys.executable, "-m", "bkp", "snapshot", "--stdin"], env=made.env, stdin=reading
    )
    os.close(reading)
    with open(writing, "wb", buffering=0) as pipe:
        for _ in range(6):
            pipe.write(b"x" * 1000)
            time.sleep(0.4)  # longer than starting and taking a lock, in all

    assert process.wait() == 0
    assert made.run("cat", "latest:/stdin").stdout == "x" * 6000


def test_a_numbered_target_does_not_hide_one_of_that_name(made: Bkp, tmp_path: Path) -> None:
    for path, text in (("a", "up"), ("w/a", "one"), ("w/a-1", "two")):
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / text).write_text(text)

    made.snapshot("../a", "a", "a-1", cwd=tmp_path / "w")

    listed = made.run("ls", "latest").stdout
    assert all(f"/{text}\n" in listed for text in ("up", "one", "two"))


@pytest.mark.parametrize("kind", ["keys", "snapshots"])
def test_an_absurdly_large_object_takes_no_memory(
    made: Bkp, repo_path: Path, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "file").write_text("x")
    made.snapshot(str(tmp_path / "file"))
    with open(repo_path / kind / ("0" * 64), "wb") as file:
        file.truncate(4 << 40)

    assert "saved" not in made.run("snapshots", code=1 if kind == "snapshots" else 0).stderr
    made.run("restore", "-t", str(tmp_path / "out"), code=3 if kind == "snapshots" else 0)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_among_the_keys_is_passed_over(
    made: Bkp, repo_path: Path, make: object
) -> None:
    assert callable(make)
    make(repo_path / "keys" / ("0" * 64))

    made.run("snapshots", "--key-hint", "0" * 64)


def test_a_closed_standard_output_does_not_fail_a_snapshot(made: Bkp, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    command = f"{sys.executable} -m bkp snapshot {tmp_path}/file >&- <&-"

    result = subprocess.run(
        ["sh", "-c", command], env=made.env, stderr=subprocess.PIPE, check=False
    )

    assert (result.returncode, result.stderr) == (0, b"")
    assert len(made.lines("snapshots")[0]) == 1


def test_a_password_that_is_no_text_is_the_users_mistake(made: Bkp) -> None:
    assert "UTF-8" in made.run("snapshots", env={"BKP_PASSWORD": "\udcff"}, code=2).stderr


def test_a_stopped_run_does_not_wait_for_the_command_it_reads(made: Bkp) -> None:
    command = [sys.executable, "-m", "bkp", "snapshot", "--stdin-from-command", "--"]
    process = subprocess.Popen(
        [*command, "sh", "-c", "echo hi; exec sleep 60"], env=made.env, stderr=subprocess.DEVNULL
    )
    time.sleep(2)
    begin = time.monotonic()
    process.terminate()

    assert process.wait(timeout=30) == 130
    assert time.monotonic() - begin < 10


SHOW_PASSWORDS = "import os; print({name for name in os.environ if name.endswith('PASSWORD')})"


def test_what_is_run_for_its_output_is_not_told_the_password(made: Bkp) -> None:
    env = made.env | {"RESTIC_PASSWORD": "other", "RESTIC_FROM_PASSWORD": "third"}
    command = [sys.executable, "-m", "bkp", "snapshot", "--stdin-from-command", "--"]

    subprocess.run([*command, sys.executable, "-c", SHOW_PASSWORDS], env=env, check=True)

    assert made.run("cat", "latest:/stdin").stdout == "set()\n"


def test_nor_is_what_prints_the_password(made: Bkp, tmp_path: Path) -> None:
    script = tmp_path / "print"
    script.write_text(f'#!/bin/sh\necho "${{BKP_PASSWORD-}}{PASSWORD}"\n')
    script.chmod(0o700)

    made.run("snapshots", "--password-command", str(script))
