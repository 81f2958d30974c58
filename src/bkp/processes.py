"""Which processes are alive, as far as this one can know."""

import os
import socket
from pathlib import Path
from typing import NamedTuple

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")


class Process(NamedTuple):
    """A process as its locks name it; see `process_space`."""

    hostname: str
    pid: int
    space: str


def this_process() -> Process:
    """Return our own."""
    return Process(socket.gethostname(), os.getpid(), process_space())


def process_space() -> str:
    """Name the run of the system, and the space in it, within which process ids mean anything.

    Two processes with the same name for it see each other; a host name does
    not say that, for containers may share one.  Empty if the system does not
    tell.
    """
    try:
        return f"{_BOOT.read_text().strip()} {_NAMESPACE.readlink()}"
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Say whether there is a process of that id in our own space."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
