"""Say what kind of machine something was measured on, and with what."""

import os
import platform
import time
from pathlib import Path


def machine(scratch: Path) -> str:
    """Return processor, cores, memory, file system and kernel, and nothing that names the host."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    system = f"Linux {'.'.join(platform.release().split('.')[:2])}, {_file_system(scratch)}"
    cores = len(os.sched_getaffinity(0))
    return (
        f"{_processor()}, {cores} cores, {memory:.0f} GiB, {system},"
        f" Python {platform.python_version()}"
    )


def today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


def _file_system(path: Path) -> str:
    """Return the type of the file system that is mounted closest above."""
    closest, kind = Path(), "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, found, *_ = line.split()
        mounted = Path(point)
        if path.resolve().is_relative_to(mounted) and len(point) >= len(str(closest)):
            closest, kind = mounted, found
    return kind
