"""Which processes are alive, as far as this one can know."""

import os
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")


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
