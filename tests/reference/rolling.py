"""Cut slowly, by the definitions alone: the oracle for the native chunkers.

Written from the mathematics of the two hashes, not from the kernels.  The
hash rolls over the whole stream and never starts anew at a cut, which must
make no difference.
"""

from collections.abc import Callable, Iterable, Iterator

WINDOW = 64
WORD = (1 << 64) - 1


def rabin_fingerprint(window: bytes, polynomial: int) -> int:
    """Return the bytes, as one polynomial over GF(2), modulo another."""
    return _remainder(int.from_bytes(window, "big"), polynomial)


def gear_hash(window: bytes, table: bytes) -> int:
    """Return the sum of the bytes' table words, each shifted by its distance from the end."""
    words = _words(table)
    return sum(words[byte] << age for age, byte in enumerate(reversed(window))) & WORD


def rabin_cuts(data: bytes, polynomial: int, minimum: int, target: int, maximum: int) -> list[int]:
    """Return the lengths of the chunks restic makes of the data."""

    def is_cut(fingerprint: int, _length: int) -> bool:
        return fingerprint % target == 0

    return _cuts(rabin_fingerprints(data, polynomial), minimum, maximum, is_cut)


def fastcdc_cuts(data: bytes, table: bytes, minimum: int, target: int, maximum: int) -> list[int]:
    """Return the lengths of the chunks FastCDC with a whole window makes of the data."""
    turn = min(minimum + target * 914 // 1024, maximum)

    def is_cut(value: int, length: int) -> bool:
        rarity = 4 * target if length <= turn else target // 4
        return value < (1 << 64) // rarity

    return _cuts(gear_hashes(data, table), minimum, maximum, is_cut)


def rabin_fingerprints(data: bytes, polynomial: int) -> Iterator[int]:
    """Yield the fingerprint after every byte: times x^8, plus the new, minus the old."""
    leaving = [_remainder(byte << 8 * WINDOW, polynomial) for byte in range(256)]
    carried = [_remainder(top << 53, polynomial) for top in range(256)]
    value = 0
    for new, old in zip(data, bytes(WINDOW) + data, strict=False):
        value = value << 8 ^ new ^ leaving[old]
        value = value & (1 << 53) - 1 ^ carried[value >> 53]
        yield value


def gear_hashes(data: bytes, table: bytes) -> Iterator[int]:
    """Yield the hash after every byte."""
    words = _words(table)
    value = 0
    for byte in data:
        value = (2 * value + words[byte]) & WORD
        yield value


def _cuts(
    hashes: Iterable[int], minimum: int, maximum: int, is_cut: Callable[[int, int], bool]
) -> list[int]:
    lengths = []
    length = 0
    for value in hashes:
        length += 1
        if length >= minimum and (length == maximum or is_cut(value, length)):
            lengths.append(length)
            length = 0
    return lengths + [length] * (length > 0)


def _words(table: bytes) -> list[int]:
    return [int.from_bytes(table[at : at + 8], "little") for at in range(0, len(table), 8)]


def _remainder(value: int, polynomial: int) -> int:
    width = polynomial.bit_length()
    while value.bit_length() >= width:
        value ^= polynomial << (value.bit_length() - width)
    return value
