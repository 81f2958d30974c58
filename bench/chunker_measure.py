"""Measure chunkers: speed, sizes, deduplication, and what small edits cost.

Where the key decides the outcome, several keys are tried and the spread is
part of the result: at 1.5 MiB a chunk, one key's luck exceeds most differences
between chunkers.
"""

import hashlib
import io
import math
import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import zstandard

from bkp._native.gear import gear_find
from bkp._native.rabin import rabin_find, rabin_tables
from bkp.chunking import Chunker
from bkp.chunking.fastcdc import gear_kernel
from bkp.chunking.params import WINDOW, ChunkSizes
from bkp.chunking.rabin import rabin_kernel
from chunker_contenders import FASTCDC, RABIN, Contender, polynomial_of, table_of
from chunker_data import Corpus, edit

SEAL_AND_HEADER = 32 + 41  # bytes that restic's format adds to a blob in its pack
SAME_MEAN = 0.02
STRETCHES = (16 << 20, 4 << 20)  # bytes per edit


@dataclass(frozen=True, slots=True)
class Speed:
    """Rates in MB/s: the median of the rounds, and the median ratio to Rabin in the same round.

    "scanned" is the kernel alone at work on every byte; otherwise the whole
    chunker, which skips the minimum of each chunk, and the data's own length.
    """

    name: str
    data: str
    rate: float
    rate_two_threads: float
    ratio_to_rabin: float


def measure_speed(noise: bytes, releases: bytes, sizes: ChunkSizes, rounds: int) -> list[Speed]:
    """Time everything in turn, round after round, so that a slow moment hits all alike."""
    samples = {"scanned": noise, "random": noise, "releases": releases}
    runs: dict[tuple[str, str], Callable[[bytes], object]] = {
        ("Rabin", "scanned"): _scan_rabin,
        ("FastCDC", "scanned"): _scan_gear,
        ("SHA-256", "random"): lambda sample: hashlib.sha256(sample).digest(),
        ("zstd level 3", "releases"): _compressed,
    }
    for contender in (RABIN, FASTCDC):
        for data in ("random", "releases"):
            runs[contender.name, data] = partial(_drain, contender.make(0, sizes))
    alone: dict[tuple[str, str], list[float]] = {which: [] for which in runs}
    both: dict[tuple[str, str], list[float]] = {which: [] for which in runs}
    with ThreadPoolExecutor(2) as pool:
        for _ in range(rounds):
            for which, run in runs.items():
                sample = samples[which[1]]
                alone[which].append(_rate(run, sample))
                both[which].append(sum(pool.map(_rate, [run] * 2, [sample] * 2)))
    result = []
    for (name, data), rates in sorted(alone.items(), key=lambda item: item[0][::-1]):
        pairs = zip(rates, alone["Rabin", data], strict=True)
        ratio = statistics.median(rate / base for rate, base in pairs)
        threads = statistics.median(both[name, data])
        result.append(Speed(name, data, statistics.median(rates), threads, ratio))
    return result


def _scan_rabin(sample: bytes) -> int:
    every_bit = (1 << 53) - 1
    tables = rabin_tables(polynomial_of(0))
    return rabin_find(tables, every_bit, sample, WINDOW, len(sample), rabin_kernel())


def _scan_gear(sample: bytes) -> int:
    every_bit = (1 << 64) - 1
    return gear_find(table_of(0), every_bit, sample, WINDOW, len(sample), gear_kernel())


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large chunks come out; the last chunk of a stream is not counted."""

    name: str
    data: str
    lengths: list[int]
    mean: float
    variation: float
    percentiles: list[int]
    at_minimum: float
    at_maximum: float


def measure_sizes(
    data: str, streams: list[bytes], contender: Contender, sizes: ChunkSizes, keys: int
) -> Sizes:
    lengths = []
    for key in range(keys):
        chunker = contender.make(key, sizes)
        for stream in streams:
            lengths += [len(chunk) for chunk in chunker.chunks(io.BytesIO(stream))][:-1]
    lengths = lengths or [0]
    mean = statistics.fmean(lengths)
    ordered = sorted(lengths)
    return Sizes(
        name=contender.name,
        data=data,
        lengths=lengths,
        mean=mean,
        variation=statistics.pstdev(lengths) / mean if mean else 0.0,
        percentiles=[ordered[len(ordered) * p // 100] for p in (5, 25, 50, 75, 95)],
        at_minimum=lengths.count(sizes.minimum) / len(lengths),
        at_maximum=lengths.count(sizes.maximum) / len(lengths),
    )


@dataclass(frozen=True, slots=True)
class Dedup:
    """What a repository keeps of all versions, as a mean over the keys.

    `scale` is the mean chunk the sizes promise, `tuned` tells that they were
    changed to meet Rabin's actual mean.  `stored` counts compressed unique
    chunks with what sealing and the pack's header add; `later` is the mean
    share of a later version that is new.
    """

    corpus: str
    form: str
    scale: int
    name: str
    tuned: bool
    minimum: int
    target: int
    total_bytes: int
    chunks: float
    mean: float
    unique_bytes: float
    unique_spread: float
    stored_bytes: float
    later: float

    @property
    def ratio(self) -> float:
        return self.total_bytes / self.unique_bytes

    @property
    def ratio_stored(self) -> float:
        return self.total_bytes / self.stored_bytes


def measure_dedup(
    corpus: Corpus,
    contender: Contender,
    sizes: ChunkSizes,
    keys: int,
    scale: int,
    *,
    tuned: bool = False,
) -> Dedup:
    seen = [_store_all(corpus, contender.make(key, sizes)) for key in range(keys)]
    unique = [sum(map(len, new)) for new, _, _ in seen]
    chunks = statistics.fmean(count for _, count, _ in seen)
    later = statistics.fmean(share for _, _, share in seen)
    # Compression takes longer than all else together and hardly depends on the key.
    stored = [sum(map(_stored_size, new)) / sum(map(len, new)) for new, _, _ in seen[:1]]
    return Dedup(
        corpus=corpus.name,
        form=corpus.form,
        scale=scale,
        name=contender.name,
        tuned=tuned,
        minimum=sizes.minimum,
        target=sizes.target,
        total_bytes=corpus.total_bytes,
        chunks=chunks,
        mean=corpus.total_bytes / chunks,
        unique_bytes=statistics.fmean(unique),
        unique_spread=statistics.pstdev(unique),
        stored_bytes=statistics.fmean(unique) * statistics.fmean(stored),
        later=later,
    )


def measure_dedup_at_mean(corpus: Corpus, contender: Contender, keys: int, like: Dedup) -> Dedup:
    """Measure with the sizes changed until the mean chunk is that of another measurement.

    The target is a power of two below the mean, the minimum found by halving;
    if no target will do, the nearest that was found.
    """

    def distance(sizes: ChunkSizes) -> float:
        return _mean_chunk(corpus, contender, sizes, keys) / like.mean - 1

    below = 1 << (math.ceil(like.mean) - 1).bit_length() - 1
    tried: list[tuple[float, ChunkSizes]] = []
    for target in (below, below // 2):
        low, high = WINDOW, target
        while high - low > target // 64:
            sizes = ChunkSizes((low + high) // 2, target, 8 * target)
            far = distance(sizes)
            tried.append((abs(far), sizes))
            if abs(far) <= SAME_MEAN:
                return measure_dedup(corpus, contender, sizes, keys, like.scale, tuned=True)
            low, high = (low, sizes.minimum) if far > 0 else (sizes.minimum, high)
    nearest = min(tried, key=lambda pair: pair[0])[1]
    return measure_dedup(corpus, contender, nearest, keys, like.scale, tuned=True)


def has_same_mean(one: Dedup, other: Dedup) -> bool:
    """Tell whether two mean chunk sizes are within 2 % of each other."""
    return abs(one.mean / other.mean - 1) <= SAME_MEAN


def _mean_chunk(corpus: Corpus, contender: Contender, sizes: ChunkSizes, keys: int) -> float:
    count = 0
    for key in range(keys):
        chunker = contender.make(key, sizes)
        for version in corpus.versions:
            count += sum(1 for stream in version for _ in chunker.chunks(io.BytesIO(stream)))
    return keys * corpus.total_bytes / count


@dataclass(frozen=True, slots=True)
class Edits:
    """How many bytes are stored again for an edit of 500 bytes on average."""

    name: str
    kind: str
    stretch: int
    bytes_per_edit: float


def measure_edits(length: int, contender: Contender, sizes: ChunkSizes, keys: int) -> list[Edits]:
    """Make edits of known size and place, far apart from each other and close together."""
    cells = [(kind, stretch) for kind in ("insert", "delete", "overwrite") for stretch in STRETCHES]
    again: dict[tuple[str, int], list[float]] = {cell: [] for cell in cells}
    for key in range(keys):
        rng = random.Random(f"edits {key}")
        chunker = contender.make(key, sizes)
        data = rng.randbytes(length)
        before = set(chunker.chunks(io.BytesIO(data)))
        for kind, stretch in cells:
            count = length // stretch
            after = chunker.chunks(io.BytesIO(edit(data, kind, count, rng)))
            again[kind, stretch].append(sum(len(c) for c in after if c not in before) / count)
    return [Edits(contender.name, *cell, statistics.fmean(again[cell])) for cell in cells]


def _store_all(corpus: Corpus, chunker: Chunker) -> tuple[list[bytes], int, float]:
    """Return the unique chunks, how many chunks there were, and the mean new share."""
    known: set[bytes] = set()
    unique: list[bytes] = []
    count = 0
    shares = []
    for version in corpus.versions:
        new = 0
        for stream in version:
            for chunk in chunker.chunks(io.BytesIO(stream)):
                count += 1
                name = hashlib.sha256(chunk).digest()
                if name not in known:
                    known.add(name)
                    unique.append(chunk)
                    new += len(chunk)
        shares.append(new / sum(map(len, version)))
    return unique, count, statistics.fmean(shares[1:])


def _compressed(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(data)


def _stored_size(chunk: bytes) -> int:
    return len(_compressed(chunk)) + SEAL_AND_HEADER


def _drain(chunker: Chunker, data: bytes) -> None:
    for _ in chunker.chunks(io.BytesIO(data)):
        pass


def _rate(run: Callable[[bytes], object], sample: bytes) -> float:
    start = time.perf_counter()
    run(sample)
    return len(sample) / (time.perf_counter() - start) / 1e6
