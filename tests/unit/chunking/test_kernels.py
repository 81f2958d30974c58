import threading
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bkp._native.gear import GEAR_RUNS_HERE, gear_find
from bkp._native.rabin import RABIN_RUNS_HERE, rabin_find, rabin_tables
from reference.rolling import gear_hash, rabin_fingerprint
from reference.streams import sha256_counter

POLYNOMIAL = 0x3DA3358B4DC173
OTHER = 0x25B468838DCB75
GEAR = sha256_counter(2048)

every_rabin = pytest.mark.parametrize("variant", RABIN_RUNS_HERE)
every_gear = pytest.mark.parametrize("variant", GEAR_RUNS_HERE)


def words(tables: bytes) -> memoryview:
    return memoryview(tables).cast("Q")


@pytest.mark.parametrize(
    ("polynomial", "out_1", "out_255", "mod_255"),
    [
        (POLYNOMIAL, 0x17EB4232E19216, 0xB80B98CECC39A, 0x1FF7AC8A5AF476A7),
        (OTHER, 0x1392187220D6EA, 0x840B204597FCB, 0x1FF9AE6ADE8F792B),
    ],
)
def test_rabin_tables_hold_the_known_values(
    polynomial: int, out_1: int, out_255: int, mod_255: int
) -> None:
    tables = words(rabin_tables(polynomial))

    assert (0, out_1, out_255) == (tables[0], tables[1], tables[255])
    assert (0, polynomial, mod_255) == (tables[256], tables[257], tables[256 + 255])


@every_rabin
@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (bytes(range(64)), 0x44B76CAC5CEE3),
        (b"\x01" * 64, 0x182BCD15979498),
        (b"\xff" * 64, 0x6D9879D4C4D97),
    ],
)
def test_rabin_finds_a_cut_where_the_fingerprint_has_no_bit_of_the_mask(
    window: bytes, expected: int, variant: str
) -> None:
    tables = rabin_tables(POLYNOMIAL)

    assert expected == rabin_fingerprint(window, POLYNOMIAL)
    assert rabin_find(tables, expected ^ (1 << 53) - 1, window, 64, 64, variant) == 64
    for bit in range(53):
        if expected >> bit & 1:
            assert rabin_find(tables, 1 << bit, window, 64, 64, variant) == 0


@every_rabin
@settings(max_examples=40, deadline=None)
@given(data=st.binary(min_size=64, max_size=300), mask=st.integers(0, 255), cut=st.data())
def test_rabin_finds_the_first_cut_of_the_range(
    variant: str, data: bytes, mask: int, cut: st.DataObject
) -> None:
    start = cut.draw(st.integers(64, len(data)))
    stop = cut.draw(st.integers(start, len(data)))
    positions = range(start, stop + 1)
    expected = [p for p in positions if not rabin_fingerprint(data[p - 64 : p], OTHER) & mask]

    found = rabin_find(rabin_tables(OTHER), mask, data, start, stop, variant)

    assert (expected or [0])[0] == found


@every_gear
@settings(max_examples=40, deadline=None)
@given(data=st.binary(min_size=64, max_size=300), mask=st.integers(0, 255), cut=st.data())
def test_gear_finds_the_first_cut_of_the_range(
    variant: str, data: bytes, mask: int, cut: st.DataObject
) -> None:
    start = cut.draw(st.integers(64, len(data)))
    stop = cut.draw(st.integers(start, len(data)))
    top = mask << 56
    expected = [p for p in range(start, stop + 1) if not gear_hash(data[p - 64 : p], GEAR) & top]

    assert gear_find(GEAR, top, data, start, stop, variant) == (expected or [0])[0]


@pytest.mark.parametrize(("start", "stop"), [(63, 64), (0, 0), (65, 64), (64, 101), (101, 101)])
def test_ranges_outside_the_data_are_refused(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="cannot search"):
        rabin_find(rabin_tables(POLYNOMIAL), 1, bytes(100), start, stop, "plain")
    with pytest.raises(ValueError, match="cannot search"):
        gear_find(GEAR, 1, bytes(100), start, stop, "plain")


def test_tables_of_the_wrong_size_are_refused() -> None:
    with pytest.raises(ValueError, match="tables of 4095 bytes"):
        rabin_find(bytes(4095), 1, bytes(64), 64, 64, "plain")
    with pytest.raises(ValueError, match="table of 2049 bytes"):
        gear_find(bytes(2049), 1, bytes(64), 64, 64, "plain")


@pytest.mark.parametrize("polynomial", [0, 1 << 52, 1 << 54, (1 << 64) - 1])
def test_a_polynomial_of_another_degree_is_refused(polynomial: int) -> None:
    with pytest.raises(ValueError, match="degree"):
        rabin_tables(polynomial)


@pytest.mark.parametrize("variant", ["unheard-of", "", "Plain"])
def test_a_variant_that_does_not_exist_is_refused_with_those_that_do(variant: str) -> None:
    with pytest.raises(ValueError, match=f"no Rabin kernel '{variant}' here, only plain, strips"):
        rabin_find(rabin_tables(POLYNOMIAL), 1, bytes(64), 64, 64, variant)
    with pytest.raises(ValueError, match=f"no gear kernel '{variant}' here, only plain, strips"):
        gear_find(GEAR, 1, bytes(64), 64, 64, variant)


@pytest.mark.parametrize("kernel", ["rabin", "gear"])
def test_other_threads_run_while_a_kernel_searches(kernel: str) -> None:
    data = b"\1" * (256 << 20)  # not zeros, which have a Rabin fingerprint of zero
    tables = rabin_tables(POLYNOMIAL)

    def search() -> None:
        if kernel == "rabin":
            rabin_find(tables, (1 << 53) - 1, data, 64, len(data), RABIN_RUNS_HERE[-1])
        else:
            gear_find(GEAR, (1 << 64) - 1, data, 64, len(data), GEAR_RUNS_HERE[-1])

    # A busy machine may starve us once; a kernel that keeps the GIL does every time.
    assert any(longest_pause_while(search) < 0.5 for _ in range(5))


def longest_pause_while(work: Callable[[], None]) -> float:
    """Return the longest time this thread stood still, as a share of the work's duration."""
    thread = threading.Thread(target=work)
    ticks = [time.perf_counter()]
    thread.start()
    while thread.is_alive():
        ticks.append(time.perf_counter())
    thread.join()
    pauses = [after - before for before, after in pairwise(ticks)]
    return max(pauses) / (ticks[-1] - ticks[0])
