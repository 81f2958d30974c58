"""From a password to a key: scrypt, with a cost that fits the machine.

The cost travels in the key file, which lies on storage nobody trusts, so what
a file may ask for is bounded: a key file must not be able to take all memory
or to run for hours.
"""

import os
import time
from dataclasses import dataclass

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from bkp.errors import Malformed

from .seal import Key

SALT_SIZE = 64

_MEMORY_LIMIT = 1 << 30  # restic's default takes 32 MiB, its oldest keys 64 MiB
_WORK_LIMIT = 1 << 28  # N*r*p; about a hundred times the default, a minute or two
_CALIBRATION_SECONDS = 0.5  # as restic: unlocking may take this long
_DEFAULT_N = 32768  # 32 MiB with r = 8, what restic's limit of 60 MiB comes to
_MAX_P = 64
_LARGEST_P = 1024  # each costs memory of its own


@dataclass(frozen=True, slots=True)
class Cost:
    """The parameters of scrypt.

    Raises Malformed for what is no valid cost, or more than any honest key
    file asks for.
    """

    n: int
    r: int
    p: int

    def __post_init__(self) -> None:
        if self.n < 2 or self.n & (self.n - 1) or self.r < 1 or self.p < 1:
            raise Malformed(f"not valid for scrypt: N={self.n}, r={self.r}, p={self.p}")
        memory = 128 * self.r * (self.n + self.p)
        if memory > _MEMORY_LIMIT or self.n * self.r * self.p > _WORK_LIMIT or self.p > _LARGEST_P:
            raise Malformed(
                f"scrypt with N={self.n}, r={self.r}, p={self.p} would take more than "
                f"{_MEMORY_LIMIT >> 20} MiB or minutes; no honest key file asks for that"
            )


def derive_key(password: str, salt: bytes, cost: Cost) -> Key:
    """Return the key that a password stands for."""
    kdf = Scrypt(salt=salt, length=64, n=cost.n, r=cost.r, p=cost.p)
    try:
        return Key.from_bytes(kdf.derive(password.encode()))
    except MemoryError as error:  # also OpenSSL's word for parameters it does not like
        raise Malformed(f"scrypt refuses N={cost.n}, r={cost.r}, p={cost.p}") from error


def calibrate() -> Cost:
    """Measure a cost that takes this machine about half a second."""
    n = _DEFAULT_N
    while (elapsed := _measure(Cost(n, 8, 1))) > _CALIBRATION_SECONDS and n > 1024:
        n //= 2
    return Cost(n, 8, min(_MAX_P, max(1, int(_CALIBRATION_SECONDS / elapsed))))


def _measure(cost: Cost) -> float:
    start = time.perf_counter()
    derive_key("calibration", os.urandom(SALT_SIZE), cost)
    return max(time.perf_counter() - start, 1e-6)
