"""Every variant of a kernel finds what the definition finds, whatever the range."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from random import Random

import pytest

from bkp._native.gear import GEAR_RUNS_HERE, GEAR_VARIANTS, gear_find
from bkp._native.rabin import RABIN_RUNS_HERE, RABIN_VARIANTS, rabin_find, rabin_tables
from bkp.chunking import Chunker
from bkp.chunking.fastcdc import FastCDC, gear_kernel
from bkp.chunking.params import ChunkSizes
from bkp.chunking.polynomial import random_polynomial
from bkp.chunking.rabin import Rabin, rabin_kernel
from bkp.errors import UsageError
from reference.rolling import fastcdc_cuts, gear_hashes, rabin_cuts, rabin_fingerprints
from reference.streams import sha256_counter

KiB = 1 << 10
WINDOW = 64

# With this entry zero, 64 zero bytes hash to zero: a cut under any mask, as they are for Rabin.
TABLE = bytes(8) + sha256_counter(2040)

NOISE = sha256_counter(160 * KiB)
EVERY_BIT = (1 << 64) - 1
# Only bytes that leave a trace in the gear hash until they have left the window.
CUTLESS = bytes(byte for byte in NOISE if TABLE[8 * byte] & 1)[:70_000]
LOW_ENTROPY = {
    "zeros": bytes(20_000),
    "one byte": b"\x07" * 20_000,
    "period 2": b"ab" * 10_000,
    "period 64": sha256_counter(WINDOW) * 300,
    "period 65": sha256_counter(WINDOW + 1) * 300,
    "zeros late": NOISE[:9_000] + bytes(WINDOW) + NOISE[:9_000],
    "rare ones": bytes(999).join([b"\1"] * 20),
}


@dataclass(frozen=True)
class Hash:
    """A rolling hash: its variants, its masks, and all hashes of some data by definition."""

    name: str
    variant: str
    runs_here: tuple[str, ...]
    widths: range  # of the masks that sizes of chunks can ask for
    mask: Callable[[int], int]
    hashes: Callable[[bytes, int], list[int]]
    find: Callable[[int, int, bytes, int, int, str], int]

    def expect(self, key: int, mask: int, data: bytes, start: int, stop: int) -> None:
        """Compare the first cut with that of the definition."""
        hashes = self.hashes(data, key)
        cuts = (p for p in range(start, stop + 1) if not hashes[p - 1] & mask)
        found = self.find(key, mask, data, start, stop, self.variant)
        assert (found, start, stop) == (next(cuts, 0), start, stop)


@cache
def polynomial(key: int) -> int:
    return random_polynomial() if key else 0x3DA3358B4DC173


@cache
def rabin_hashes(data: bytes, key: int) -> list[int]:
    return list(rabin_fingerprints(data, polynomial(key)))


@cache
def table_hashes(data: bytes, _key: int) -> list[int]:
    return list(gear_hashes(data, TABLE))


def rabin(variant: str) -> Hash:
    return Hash(
        name="Rabin",
        variant=variant,
        runs_here=RABIN_RUNS_HERE,
        widths=range(12, 27),
        mask=lambda width: (1 << width) - 1,
        hashes=rabin_hashes,
        find=lambda key, *rest: rabin_find(rabin_tables(polynomial(key)), *rest),
    )


def gear(variant: str) -> Hash:
    return Hash(
        name="gear",
        variant=variant,
        runs_here=GEAR_RUNS_HERE,
        widths=range(10, 29),
        mask=lambda width: (1 << width) - 1 << 64 - width,
        hashes=table_hashes,
        find=lambda _key, *rest: gear_find(TABLE, *rest),
    )


HERE = [rabin(name) for name in RABIN_RUNS_HERE] + [gear(name) for name in GEAR_RUNS_HERE]
every_variant = pytest.mark.parametrize("it", HERE, ids=lambda it: f"{it.name}-{it.variant}")


@every_variant
def test_the_first_cut_is_found_for_every_mask_width_and_key(it: Hash) -> None:
    rng = Random(it.name)
    for width in it.widths:
        data = bytearray(NOISE[: 24 * KiB])
        planted = rng.randrange(len(data) - WINDOW)
        data[planted : planted + WINDOW] = bytes(WINDOW)
        for start, stop in ranges(len(data), rng):
            it.expect(width % 3, it.mask(width), bytes(data), start, stop)


@every_variant
def test_the_first_cut_is_found_across_many_blocks(it: Hash) -> None:
    for start in (64, 65, 1000, 77_777, 150_000):
        for width in (10, 12, 16, 28):
            it.expect(1, it.mask(width), NOISE, start, len(NOISE))


@every_variant
def test_a_cut_is_found_wherever_it_is(it: Hash) -> None:
    rng = Random(7)
    for at in [*range(64, 200), *(rng.randrange(64, 70_000) for _ in range(400))]:
        data = bytearray(CUTLESS)
        data[at - WINDOW : at] = bytes(WINDOW)
        assert it.find(0, EVERY_BIT, bytes(data), 64, len(data), it.variant) == at


@every_variant
def test_of_two_cuts_the_first_is_found(it: Hash) -> None:
    rng = Random(8)
    for _ in range(300):
        first = rng.randrange(64, 60_000)
        second = rng.randrange(first + WINDOW, len(CUTLESS))
        data = bytearray(CUTLESS)
        data[first - WINDOW : first] = data[second - WINDOW : second] = bytes(WINDOW)
        assert it.find(0, EVERY_BIT, bytes(data), 64, len(data), it.variant) == first


@every_variant
@pytest.mark.parametrize("width", [0, 1, 5, 9, 13, 20])
def test_a_search_may_be_split_anywhere(it: Hash, width: int) -> None:
    data = NOISE[: 2 * KiB]
    mask = it.mask(width) if width else 0
    whole = it.find(0, mask, data, 64, len(data), it.variant)
    for split in range(64, len(data)):
        head = it.find(0, mask, data, 64, split, it.variant)
        assert whole == (head or it.find(0, mask, data, split + 1, len(data), it.variant))


@every_variant
def test_tiny_ranges_are_searched(it: Hash) -> None:
    data = NOISE[:100]
    for start in range(64, 101):
        for stop in range(start, 101):
            for width in (1, 3, 12):
                it.expect(0, it.mask(width), data, start, stop)


@every_variant
@pytest.mark.parametrize("name", LOW_ENTROPY)
def test_data_of_low_entropy_is_searched(it: Hash, name: str) -> None:
    data = LOW_ENTROPY[name]
    rng = Random(name)
    for width in it.widths:
        for start, stop in [(64, len(data)), *ranges(len(data), rng)][:4]:
            it.expect(0, it.mask(width), data, start, stop)


@every_variant
def test_any_mask_is_obeyed(it: Hash) -> None:
    rng = Random(9)
    for _ in range(60):
        mask = rng.getrandbits(64) & rng.getrandbits(64) & rng.getrandbits(53)
        start = rng.randrange(64, 4 * KiB)
        it.expect(0, mask, NOISE[: 24 * KiB], start, 24 * KiB)


def ranges(length: int, rng: Random) -> Iterator[tuple[int, int]]:
    """Yield the whole and some ranges of it, also just around what one round of strips takes."""
    yield WINDOW, length
    for size in (0, 1, 255, 256, 257, 511, 512, 1023, 1024, 1025, 4351, 4352, 4353, 8704):
        start = rng.randrange(WINDOW, length - size + 1)
        yield start, start + size


def test_variants_that_do_not_run_here_are_refused() -> None:
    for variant in set(RABIN_VARIANTS) - set(RABIN_RUNS_HERE):
        with pytest.raises(ValueError, match=f"no Rabin kernel '{variant}' here"):
            rabin_find(rabin_tables(polynomial(0)), 1, NOISE, 64, 64, variant)
    for variant in set(GEAR_VARIANTS) - set(GEAR_RUNS_HERE):
        with pytest.raises(ValueError, match=f"no gear kernel '{variant}' here"):
            gear_find(TABLE, 1, NOISE, 64, 64, variant)


def test_the_portable_variants_run_everywhere() -> None:
    assert ("plain", "strips") == RABIN_VARIANTS[:2] == RABIN_RUNS_HERE[:2]
    assert ("plain", "strips") == GEAR_VARIANTS[:2] == GEAR_RUNS_HERE[:2]


@pytest.fixture
def _choose_anew() -> Iterator[None]:
    rabin_kernel.cache_clear()
    gear_kernel.cache_clear()
    yield
    rabin_kernel.cache_clear()
    gear_kernel.cache_clear()


@pytest.mark.usefixtures("_choose_anew")
def test_the_fastest_variant_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BKP_RABIN_KERNEL", raising=False)
    monkeypatch.setenv("BKP_GEAR_KERNEL", "")

    assert rabin_kernel() == RABIN_RUNS_HERE[-1]
    assert gear_kernel() == GEAR_RUNS_HERE[-1]


@pytest.mark.usefixtures("_choose_anew")
def test_an_impossible_choice_is_an_error_that_names_the_possible_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BKP_RABIN_KERNEL", "mmx")
    monkeypatch.setenv("BKP_GEAR_KERNEL", "avx2")

    with pytest.raises(UsageError, match=r"BKP_RABIN_KERNEL=mmx is impossible here.* plain, strip"):
        Rabin(polynomial(0))
    with pytest.raises(UsageError, match=r"BKP_GEAR_KERNEL=avx2 is impossible here.* plain, strip"):
        FastCDC(TABLE)


@pytest.mark.usefixtures("_choose_anew")
@pytest.mark.parametrize(
    "sizes", [(64, 4 * KiB, 4 * KiB), (100, 4 * KiB, 20 * KiB), (4 * KiB, 4 * KiB, 5 * KiB)]
)
@every_variant
def test_chunks_keep_to_minimum_and_maximum_with_every_variant(
    it: Hash, sizes: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"BKP_{it.name.upper()}_KERNEL", it.variant)
    data = NOISE[: 60 * KiB] + bytes(9 * KiB) + NOISE[60 * KiB : 70 * KiB]
    key = polynomial(0)
    if it.name == "Rabin":
        chunker: Chunker = Rabin(key, ChunkSizes(*sizes))
        expected = rabin_cuts(data, key, *sizes)
        assert rabin_kernel() == it.variant
    else:
        chunker = FastCDC(TABLE, ChunkSizes(*sizes))
        expected = fastcdc_cuts(data, TABLE, *sizes)
        assert gear_kernel() == it.variant

    assert expected == [len(chunk) for chunk in chunker.chunks(io.BytesIO(data))]
