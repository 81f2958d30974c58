"""The password's key: what it is, and what a key file may not ask for."""

import hashlib
import time

import pytest

from bkp.crypto.derive import derive
from bkp.crypto.kdf import Cost, calibrate, derive_key
from bkp.crypto.seal import Key
from bkp.errors import Malformed


def test_the_key_is_scrypt_of_the_password() -> None:
    key = derive_key("pässword", b"s" * 64, Cost(1024, 8, 2))

    expected = hashlib.scrypt("pässword".encode(), salt=b"s" * 64, n=1024, r=8, p=2, dklen=64)
    assert key.encrypt + key.k + key.r == expected


@pytest.mark.parametrize(
    "cost",
    [
        (0, 8, 1),
        (1, 8, 1),
        (1000, 8, 1),
        (-2, 8, 1),
        (1024, 0, 1),
        (1024, 8, 0),
        (1 << 40, 8, 1),
        (1 << 15, 8, 1 << 20),
        (2, 1 << 40, 1),
        (1 << 21, 8, 1),
        (2, 1, 1 << 26),
        (2, 1, (1 << 24) - 8),
    ],
)
def test_absurd_costs_are_refused_at_once(cost: tuple[int, int, int]) -> None:
    begin = time.monotonic()

    with pytest.raises(Malformed, match="scrypt"):
        Cost(*cost)

    assert time.monotonic() - begin < 1


@pytest.mark.parametrize("cost", [(32768, 8, 10), (65536, 8, 1), (128, 1, 1)])
def test_costs_that_restic_uses_are_accepted(cost: tuple[int, int, int]) -> None:
    assert Cost(*cost).n == cost[0]


def test_a_calibrated_cost_is_restics_shape() -> None:
    cost = calibrate()

    assert cost.r == 8
    assert 1024 <= cost.n <= 32768
    assert cost.p >= 1


def test_labels_give_independent_bytes() -> None:
    key = Key(b"e" * 32, b"k" * 16, b"r" * 16)

    assert derive(key, "one", 64) == derive(key, "one", 64)
    assert derive(key, "one", 64) != derive(key, "two", 64)
    assert len(derive(key, "one", 2048)) == 2048


def test_a_cost_that_openssl_refuses_is_malformed() -> None:
    with pytest.raises(Malformed, match="scrypt"):
        derive_key("password", b"s" * 64, Cost(1 << 20, 1, 1))
