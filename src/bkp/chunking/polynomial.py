"""Polynomials over GF(2): draw one at random, and tell whether it is irreducible.

A polynomial is the integer whose bit n is the coefficient of x^n.  restic
gives each repository a random irreducible one of degree 53, which then
decides every Rabin cut.  Nothing here is constant-time.
"""

import os

DEGREE = 53


def is_irreducible(polynomial: int) -> bool:
    """Tell whether no polynomial of smaller, non-zero degree divides this one.

    Ben-Or's test: an irreducible factor of degree d divides x^(2^d) - x, and
    a reducible polynomial has a factor of at most half its degree.
    """
    degree = polynomial.bit_length() - 1
    if degree < 1:
        return False
    power = 0b10
    for _ in range(degree // 2):
        power = _remainder(_square(power), polynomial)
        if _common_divisor(polynomial, power ^ 0b10) != 1:
            return False
    return True


def random_polynomial() -> int:
    """Draw an irreducible polynomial of degree 53 with all 2^47 of them equally likely.

    About one try in 27 succeeds; together they take a few milliseconds.
    """
    while True:
        drawn = int.from_bytes(os.urandom(8), "little") & ((1 << DEGREE) - 1)
        candidate = drawn | 1 << DEGREE | 1  # without the 1, x divides it
        if is_irreducible(candidate):
            return candidate


def _square(value: int) -> int:
    """Put a zero between any two bits: in GF(2), (a + b)^2 = a^2 + b^2."""
    return int(f"{value:b}", base=4)


def _remainder(value: int, modulus: int) -> int:
    length = modulus.bit_length()
    while (excess := value.bit_length() - length) >= 0:
        value ^= modulus << excess
    return value


def _common_divisor(a: int, b: int) -> int:
    while b:
        a, b = b, _remainder(a, b)
    return a
