"""Both ways to seal give the same, and neither believes anything."""

import ctypes
import os
import subprocess
import sys
from hashlib import sha256
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import frames
from bkp.crypto.seal import OVERHEAD, Key, Sealer
from bkp.errors import Malformed, UsageError
from bkp.formats.compression import Level, decompress
from bkp.repo.sealing import VARIABLE, Engine, choose_engine, describe_engine
from bkp.repo.sealing.native import NativeEngine, missing_library
from bkp.repo.sealing.portable import PortableEngine
from bkp.workers import ordered_map

KEY = Key.generate()
NATIVE = NativeEngine(KEY, Level.AUTO, verify=True)
PORTABLE = PortableEngine(KEY, Level.AUTO, verify=True)
ENGINES = st.sampled_from([NATIVE, PORTABLE])

# Short, long, of few different bytes and of many.
PLAIN = st.one_of(
    st.binary(min_size=1, max_size=300),
    st.binary(min_size=1, max_size=8).map(lambda piece: piece * 20_000),
    st.integers(1, 200_000).map(os.urandom),
)


def pieces_of(parts: list[bytes]) -> list[tuple[int, int]]:
    pieces = []
    offset = 0
    for part in parts:
        pieces.append((offset, len(part)))
        offset += len(part)
    return pieces


def seal_with(engine: Engine, parts: list[bytes], *, compress: bool) -> list[bytes]:
    sealed, lengths = engine.seal_each(b"".join(parts), pieces_of(parts), compress=compress)
    assert len(sealed) == sum(lengths)
    ends = accumulate(lengths)
    return [bytes(sealed[end - length : end]) for length, end in zip(lengths, ends, strict=True)]


def open_with(
    engine: Engine, sealed: list[bytes], raw_lengths: list[int], names: bytes
) -> tuple[bytes, bytes]:
    sizes = [raw or len(part) - OVERHEAD for raw, part in zip(raw_lengths, sealed, strict=True)]
    plain = bytearray(sum(max(0, size) for size in sizes))
    verdicts = engine.open_each(b"".join(sealed), pieces_of(sealed), raw_lengths, names, plain)
    return verdicts, bytes(plain)


def names_of(parts: list[bytes]) -> bytes:
    return b"".join(sha256(part).digest() for part in parts)


@given(ENGINES, ENGINES, st.lists(PLAIN, max_size=5), st.booleans())
def test_what_one_engine_seals_each_opens(
    one: Engine, other: Engine, parts: list[bytes], compress: bool
) -> None:
    data = b"".join(parts)
    names = one.name_each(data, pieces_of(parts))
    assert names == names_of(parts)

    sealed = seal_with(one, parts, compress=compress)
    raw_lengths = [len(part) if compress else 0 for part in parts]

    assert open_with(other, sealed, raw_lengths, names) == (b"\1" * len(parts), data)
    if not compress:
        assert [len(part) for part in sealed] == [len(part) + OVERHEAD for part in parts]


@given(ENGINES, PLAIN, st.booleans(), st.data())
def test_a_changed_bit_is_noticed_and_harms_no_neighbour(
    engine: Engine, plain: bytes, compress: bool, data: st.DataObject
) -> None:
    parts = [b"before", plain, b"after"]
    sealed = seal_with(engine, parts, compress=compress)
    damaged = bytearray(sealed[1])
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    sealed[1] = bytes(damaged)

    raw_lengths = [len(part) if compress else 0 for part in parts]
    verdicts, opened = open_with(engine, sealed, raw_lengths, names_of(parts))

    assert verdicts == b"\1\0\1"
    assert opened[:6] == b"before"
    assert opened[-5:] == b"after"


@given(ENGINES, PLAIN, st.booleans())
def test_another_name_or_length_than_the_index_says_is_noticed(
    engine: Engine, plain: bytes, compress: bool
) -> None:
    sealed = seal_with(engine, [plain], compress=compress)
    raw = len(plain) if compress else 0
    name = sha256(plain).digest()

    assert open_with(engine, sealed, [raw], bytes(32))[0] == b"\0"
    assert open_with(engine, sealed, [raw + 1], name)[0] == b"\0"
    if raw > 1:
        assert open_with(engine, sealed, [raw - 1], name)[0] == b"\0"


@given(ENGINES, st.binary(max_size=OVERHEAD + 1), st.sampled_from([0, 1, 100]))
def test_what_is_too_short_to_be_sealed_is_unsound(engine: Engine, sealed: bytes, raw: int) -> None:
    assert open_with(engine, [sealed], [raw], bytes(32))[0] == b"\0"


@given(frames.sequences)
def test_any_frames_open_alike(packed: bytes) -> None:
    sealed = bytes(Sealer(KEY).seal(packed))
    try:
        plain = decompress(packed, 1 << 20)
    except Malformed:
        plain = b""
    name = sha256(plain).digest()

    for size in {max(1, len(plain)), len(plain) + 1}:
        verdicts = [open_with(engine, [sealed], [size], name)[0] for engine in (NATIVE, PORTABLE)]
        assert verdicts == [bytes([size == len(plain)])] * 2


def test_no_iv_is_used_twice() -> None:
    for engine in (NATIVE, PORTABLE):
        sealed = seal_with(engine, [b"same"] * 100, compress=False)
        assert len({part[:16] for part in sealed}) == 100


def test_an_all_zero_iv_is_refused() -> None:
    for engine in (NATIVE, PORTABLE):
        verdicts, _ = open_with(engine, [bytes(16) + b"cipher" + bytes(16)], [0], bytes(32))
        assert verdicts == b"\0"


def test_pieces_beyond_the_data_are_an_error() -> None:
    for piece in ((0, 5), (5, 0), (2**64 - 1, 2)):
        with pytest.raises(ValueError, match="beyond"):
            NATIVE.name_each(b"data", [piece])
    with pytest.raises(ValueError, match="beyond"):
        NATIVE.open_each(b"x" * 40, [(0, 40)], [9], bytes(32), bytearray(8))


def test_what_is_sealed_stays_while_more_is_sealed() -> None:
    first, _ = NATIVE.seal_each(b"first", [(0, 5)], compress=False)
    before = bytes(first)
    others = [NATIVE.seal_each(os.urandom(100), [(0, 100)], compress=True)[0] for _ in range(5)]
    assert bytes(first) == before
    assert len({bytes(other) for other in others}) == 5


@pytest.mark.parametrize("size", [(64 << 10) - 32, 64 << 10, 3 << 20])
def test_large_pieces_are_verified_part_by_part(size: int) -> None:
    for plain in (os.urandom(size), bytes(size), os.urandom(1000) * (size // 1000)):
        for compress in (True, False):
            sealed = seal_with(NATIVE, [plain], compress=compress)
            raw = [len(plain) if compress else 0]
            assert open_with(PORTABLE, sealed, raw, names_of([plain])) == (b"\1", plain)


def test_one_engine_serves_many_threads() -> None:
    parts = [os.urandom(1 + number * 97) * 3 for number in range(200)]

    def there_and_back(part: bytes) -> bool:
        sealed = seal_with(NATIVE, [part], compress=True)
        return open_with(NATIVE, sealed, [len(part)], names_of([part])) == (b"\1", part)

    assert all(ordered_map(there_and_back, parts, threads=8, ahead=50))


def test_the_fastest_engine_is_used_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert isinstance(choose_engine(KEY, Level.AUTO), NativeEngine)
    assert describe_engine().startswith("native (OpenSSL 3")
    monkeypatch.setenv(VARIABLE, "portable")
    assert isinstance(choose_engine(KEY, Level.AUTO), PortableEngine)
    assert describe_engine().startswith("portable")
    monkeypatch.setenv(VARIABLE, "quantum")
    with pytest.raises(UsageError, match="quantum"):
        choose_engine(KEY, Level.AUTO)


def run_with_libraries(directory: Path, code: str, **variables: str) -> str:
    """Run Python where the dynamic linker finds a directory's libraries first."""
    environment = os.environ | {"LD_LIBRARY_PATH": str(directory)} | variables
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_without_the_systems_library_sealing_is_portable(tmp_path: Path) -> None:
    (tmp_path / "libzstd.so.1").write_bytes(b"not a library")
    code = """if True:
        from bkp.repo.sealing import choose_engine, describe_engine
        from bkp.crypto.seal import Key
        from bkp.formats.compression import Level
        print(describe_engine(), type(choose_engine(Key.generate(), Level.AUTO)).__name__)
    """
    text = run_with_libraries(tmp_path, code)
    assert text.startswith("portable")
    assert text.endswith("PortableEngine")

    with pytest.raises(subprocess.CalledProcessError) as failed:
        run_with_libraries(tmp_path, code, BKP_SEALING="native")
    assert "this system has no libzstd" in failed.value.stderr


def test_what_a_broken_machine_sealed_is_not_handed_out(tmp_path: Path) -> None:
    assert missing_library() is None
    source = Path(__file__).parent / "broken" / "zstd.c"
    library = tmp_path / "libzstd.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    code = """if True:
        from bkp.repo.sealing import choose_engine
        from bkp.crypto.seal import Key
        from bkp.errors import IntegrityError
        from bkp.formats.compression import Level
        engine = choose_engine(Key.generate(), Level.AUTO)
        print(len(engine.seal_each(b"some text", [(0, 9)], compress=False)[0]))  # bytes
        try:
            engine.seal_each(b"some text", [(0, 9)], compress=True)
        except IntegrityError as error:
            print(error)
        trusting = choose_engine(Key.generate(), Level.AUTO, verify=False)
        print(len(trusting.seal_each(b"some text", [(0, 9)], compress=True)[0]) > 32)
    """
    text = run_with_libraries(tmp_path, code, REAL_ZSTD=real_zstd(), BKP_SEALING="native")
    assert text.splitlines()[0] == "41"
    assert "this machine's memory or CPU is not to be trusted" in text.splitlines()[1]
    assert text.splitlines()[2] == "True"


def real_zstd() -> str:
    """Return the path of the system's library, as the loader found it for us."""
    ctypes.CDLL("libzstd.so.1")
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = line.split(maxsplit=5)[-1]
        if Path(path).name.startswith("libzstd.so.1"):
            return path
    raise AssertionError("libzstd is loaded, but from nowhere")
