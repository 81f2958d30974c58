"""The native code in use: shown, and chosen by the environment."""

import subprocess
import sys

import pytest

from bkp._native.gear import GEAR_RUNS_HERE
from bkp._native.rabin import RABIN_RUNS_HERE


def version(**env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bkp", "version", "-v"]
    return subprocess.run(
        command,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path), **env},
        capture_output=True,
        text=True,
    )


def test_version_tells_which_kernels_are_in_use() -> None:
    fastest = f"kernels rabin {RABIN_RUNS_HERE[-1]}, gear {GEAR_RUNS_HERE[-1]}"

    assert fastest in version().stdout.splitlines()
    assert (
        "kernels rabin strips, gear plain"
        in version(BKP_RABIN_KERNEL="strips", BKP_GEAR_KERNEL="plain").stdout.splitlines()
    )


@pytest.mark.parametrize("variable", ["BKP_RABIN_KERNEL", "BKP_GEAR_KERNEL"])
def test_an_impossible_kernel_ends_with_a_message_and_code_2(variable: str) -> None:
    result = version(**{variable: "abacus"})

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(
        f"bkp: {variable}=abacus is impossible here; this processor can run plain, strips"
    )
