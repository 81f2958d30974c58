"""Run one command and report what it cost: for `tools_process`, in a process of its own.

The highest resident size that Linux reports for a child includes what its
parent had when it was forked.  So the parent must be small: this imports
nothing big and is started as `python -I -S tools_launch.py DESCRIPTOR COMMAND...`.
The result is a line of JSON on the descriptor.
"""

import json
import os
import sys
import time


def main() -> None:
    descriptor = int(sys.argv[1])
    command = sys.argv[2:]
    os.set_inheritable(descriptor, False)
    start = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    cost = {
        "wall_seconds": time.perf_counter() - start,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * 1024,
        "code": os.waitstatus_to_exitcode(status),
    }
    os.write(descriptor, json.dumps(cost).encode())


main()
