"""Contents for made-up files: text that compresses, and noise that does not.

Both are the same for the same seed, never repeat themselves (a chunker would
find out), and are made at some hundred MB/s.
"""

from collections.abc import Iterator

import numpy as np

MiB = 1 << 20
PERIOD = 32 * MiB  # of text before it is repeated in another alphabet
WORDS = 1 << 15
LONGEST = 11
# How often English uses its letters, in thousandths.
LETTERS = b"etaoinshrdlcumwfgypbvkjxqz"
FREQUENCIES = (
    *(127, 91, 82, 75, 70, 67, 63, 61, 60, 43, 40, 28, 28),
    *(24, 24, 22, 20, 20, 19, 15, 10, 8, 2, 2, 1, 1),
)


class Text:
    """Words by a skewed law, zstd makes about two fifths of them.

    A period of text is made once; each later one is the same under another
    permutation of the alphabet, so that as bytes it is new, and as compressible.
    """

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._period = _period(self._random)
        self._now = self._period
        self._at = 0

    def take(self, length: int) -> bytes:
        """Return the next bytes of the endless text."""
        taken = []
        while length:
            if self._at == len(self._now):
                self._now = self._period.translate(self._another_alphabet())
                self._at = 0
            piece = self._now[self._at : self._at + length]
            taken.append(piece)
            self._at += len(piece)
            length -= len(piece)
        return b"".join(taken)

    def _another_alphabet(self) -> bytes:
        letters = self._random.permutation(np.frombuffer(LETTERS, np.uint8)).tobytes()
        return bytes.maketrans(LETTERS, letters)


class Noise:
    """Bytes as random as those of pictures and archives."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.Generator(np.random.SFC64(seed))

    def take(self, length: int) -> bytes:
        return self._random.bytes(length)


def sizes_of_small_files(count: int, seed: int) -> list[int]:
    """Return sizes as of source code and documents: median 3 KiB, mean 11, none above 700."""
    spread = 1.66
    drawn = np.random.default_rng(seed).lognormal(np.log(3 << 10), spread, count)
    return [int(size) for size in np.clip(drawn, 1, 700 << 10)]


def sizes_of_directories(files: int, seed: int) -> Iterator[int]:
    """Yield how many files each directory has: 10 on average, one in a hundred has 300."""
    random = np.random.default_rng(seed)
    while files > 0:
        size = 300 if random.random() < 0.01 else int(random.geometric(1 / 7))
        yield min(size, files)
        files -= size


def _period(random: np.random.Generator) -> bytes:
    weights = np.array(FREQUENCIES) / sum(FREQUENCIES)
    letters = np.frombuffer(LETTERS, np.uint8)
    words = letters[random.choice(len(letters), size=(WORDS, LONGEST + 1), p=weights)]
    lengths = random.integers(1, LONGEST, WORDS)
    words[np.arange(WORDS), lengths] = np.where(random.random(WORDS) < 0.1, ord("\n"), ord(" "))
    used = np.arange(LONGEST + 1) <= lengths[:, None]
    made: list[bytes] = []
    size = 0
    while size < PERIOD:
        picked = (WORDS * random.random(MiB) ** 6).astype(np.int64)
        made.append(words[picked][used[picked]].tobytes())
        size += len(made[-1])
    return b"".join(made)[:PERIOD]
