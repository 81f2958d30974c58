"""Measure the blob index: memory, and time to load, open and look up, by number of blobs.

    python bench/index.py [--blobs N ...] [--json FILE]

Each size runs in a process of its own.  Index objects are synthetic: ids are
drawn at random, an object has 50 000 blobs as restic's have, a pack 20 or
2000.  A dict of id to (pack, offset, length, raw length) is what Python offers
instead; it is measured up to a million blobs.
"""

import argparse
import json
import mmap
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bkp.crypto.seal import Key
from bkp.formats.index import IndexedPack
from bkp.formats.pack import BlobType, PackedBlob
from bkp.ids import BlobId, PackId
from bkp.repo.cachedir import CacheDirectory
from bkp.repo.index import BlobIndex, read_index
from bkp.repo.index_cache import IndexCache

OBJECT_BLOBS = 50_000
DICT_AT_MOST = 1_000_000
Row = dict[str, float]
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
LOOKUPS = 200_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--blobs", type=int, nargs="+", default=SIZES)
    parser.add_argument("--pack-blobs", type=int, nargs="+", default=[20, 2000])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        what, blobs, pack_blobs = options.one
        WORK[what](int(blobs), int(pack_blobs))
        return
    rows: list[Row] = []
    for pack_blobs in options.pack_blobs:
        for blobs in options.blobs:
            rows.append(in_process("table", blobs, pack_blobs))
            if blobs <= DICT_AT_MOST:
                rows[-1] |= in_process("dict", blobs, pack_blobs)
                rows[-1]["has_to_dict"] = rows[-1]["has_per_s"] / rows[-1]["dict_has_per_s"]
            show(rows[-1], is_first=len(rows) == 1)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


def start(what: str, blobs: int, pack_blobs: int) -> subprocess.Popen[bytes]:
    """Start a process that does one piece of work: what it leaves in memory is its own.

    Its malloc gives large blocks back at once, so that nothing but what is
    measured stays.
    """
    command = [sys.executable, __file__, "--one", what, str(blobs), str(pack_blobs)]
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)


def in_process(what: str, blobs: int, pack_blobs: int) -> Row:
    output, _ = start(what, blobs, pack_blobs).communicate()
    row: Row = json.loads(output)
    return row


def show(row: Row, *, is_first: bool) -> None:
    if is_first:
        print("  ".join(f"{name:>{max(9, len(name))}}" for name in row))
    cells = []
    for name, value in row.items():
        text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        cells.append(f"{text:>{max(9, len(name))}}")
    print("  ".join(cells), flush=True)


def index_json(first: int, count: int, pack_blobs: int) -> bytes:
    """Return one index object: ids are random but repeatable."""
    draw = random.Random(first)
    packs = []
    for start in range(0, count, pack_blobs):
        size = min(pack_blobs, count - start)
        ids = draw.randbytes(32 * (size + 1)).hex()
        blobs = ",".join(
            f'{{"id":"{ids[64 * i : 64 * i + 64]}","type":"{"tree" if i % 10 == 9 else "data"}",'
            f'"offset":{i * 7000},"length":{7000},"uncompressed_length":{15000 + i}}}'
            for i in range(size)
        )
        packs.append(f'{{"id":"{ids[64 * size :]}","blobs":[{blobs}]}}')
    return f'{{"packs":[{",".join(packs)}]}}\n'.encode()


def write_objects(blobs: int, pack_blobs: int) -> None:
    for first in range(0, blobs, OBJECT_BLOBS):
        text = index_json(first, min(OBJECT_BLOBS, blobs - first), pack_blobs)
        sys.stdout.buffer.write(len(text).to_bytes(8) + text)


def objects(blobs: int, pack_blobs: int) -> Iterator[bytes]:
    """Yield index objects made by another process."""
    with start("objects", blobs, pack_blobs) as process:
        assert process.stdout is not None
        while size := process.stdout.read(8):
            yield process.stdout.read(int.from_bytes(size))


def resident() -> int:
    """Return the bytes of memory that are ours alone and in use: no files that are mapped."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) << 10
    raise OSError("no RssAnon")


class Peak:
    """The most memory in use while this is entered, looked at every 2 ms."""

    def __enter__(self) -> "Peak":
        self.start = self.most = resident()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.002):
            self.most = max(self.most, resident())

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
        self.most = max(self.most, resident())


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(blobs: int, pack_blobs: int) -> None:
    """Load, add, save, open and look up; bytes are per blob, times in seconds."""
    row: Row = {"blobs": blobs, "pack_blobs": pack_blobs}
    read_index(index_json(-1, 10, 10))
    index = BlobIndex()
    seconds = {"parse": 0.0, "take": 0.0}
    size = 0
    before = resident()
    for text in objects(blobs, pack_blobs):
        size += len(text)
        began = time.perf_counter()
        read = read_index(text).packs
        parsed = time.perf_counter()
        index.take(read)
        seconds["parse"] += parsed - began
        seconds["take"] += time.perf_counter() - parsed
        del read, text
    with Peak() as settling:
        seconds["take"] += timed(index.settle)
    row["used_bytes"] = index.memory() / blobs
    row["rss_bytes"] = (resident() - before) / blobs
    row["peak_bytes"] = (settling.most - before) / blobs
    row["parse_MB_s"] = size / seconds["parse"] / 1e6
    row["load_s"] = seconds["parse"] + seconds["take"]
    row |= measure_lookups(index, blobs, pack_blobs)
    row |= measure_saved(index)
    del index
    row |= measure_growing(blobs, pack_blobs)
    print(json.dumps(row))


def some_ids(blobs: int, pack_blobs: int) -> list[bytes]:
    """Return ids that are known and as many that are not, shuffled."""
    text = index_json(0, min(OBJECT_BLOBS, blobs), pack_blobs)
    index = BlobIndex()
    index.take(read_index(text).packs)
    known = [p.blob.id for p in index.all_places() if p.blob.type is BlobType.DATA]
    draw = random.Random(7)
    ids = [*known, *(draw.randbytes(32) for _ in known)]
    draw.shuffle(ids)
    return (ids * (LOOKUPS // len(ids) + 1))[:LOOKUPS]


def measure_lookups(index: BlobIndex, blobs: int, pack_blobs: int) -> Row:
    draw = random.Random(8)
    ids = [BlobId(name) for name in some_ids(blobs, pack_blobs)]
    fresh = [BlobId(draw.randbytes(32)) for _ in range(LOOKUPS)]  # all over the table
    joined = b"".join(fresh)
    found = timed(lambda: [index.has(BlobType.DATA, name) for name in ids])
    batch = timed(lambda: index.has_each(BlobType.DATA, joined))
    places = timed(lambda: index.first_places(BlobType.DATA, joined).stored_order())
    return {
        "has_per_s": len(ids) / found,
        "has_each_per_s": LOOKUPS / batch,
        "places_per_s": LOOKUPS / places,
    }


def measure_saved(index: BlobIndex) -> Row:
    with tempfile.TemporaryDirectory() as directory:
        kept = CacheDirectory(Path(directory) / "cache", "r")
        cache = IndexCache(kept, Key.generate(), print)
        save = timed(lambda: cache.save(index, []))
        times = []
        for _ in range(5):
            start = time.perf_counter()
            saved = cache.load()
            assert saved is not None
            opened = BlobIndex()
            opened.attach(saved.data, saved.layout)
            assert opened.copies() == index.copies()
            times.append(time.perf_counter() - start)
            assert isinstance(saved.data, mmap.mmap)
            del opened, saved
    return {"save_s": save, "open_s": sorted(times)[2]}


def measure_growing(blobs: int, pack_blobs: int) -> Row:
    """Add packs one by one, as a run does that stores everything."""
    index = BlobIndex()
    draw = random.Random(9)
    added = 0.0
    with Peak() as growing:
        for _ in range(0, blobs, pack_blobs):
            ids = draw.randbytes(32 * pack_blobs)
            packed = [
                PackedBlob(BlobType.DATA, BlobId(ids[32 * i : 32 * i + 32]), 7 * i, 40, 50)
                for i in range(pack_blobs)
            ]
            pack = IndexedPack(PackId(draw.randbytes(32)), packed)
            began = time.perf_counter()
            index.add(pack)
            added += time.perf_counter() - began
    return {"grown_peak": (growing.most - growing.start) / blobs, "add_per_s": blobs / added}


def measure_dict(blobs: int, pack_blobs: int) -> None:
    ids = some_ids(blobs, pack_blobs)
    before = resident()
    table: dict[bytes, tuple[int, int, int, int]] = {}
    draw = random.Random(0)
    for i in range(blobs):
        name = draw.randbytes(32)
        table[name] = (i // pack_blobs, i * 7000, 7000 + i, 15000 + i)
    size = (resident() - before) / blobs
    rate = len(ids) / timed(lambda: [name in table for name in ids])
    print(json.dumps({"dict_bytes": size, "dict_has_per_s": rate}))


WORK = {"table": measure, "dict": measure_dict, "objects": write_objects}

if __name__ == "__main__":
    main()
