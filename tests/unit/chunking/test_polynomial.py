import pytest

from bkp.chunking.polynomial import is_irreducible, random_polynomial


@pytest.mark.parametrize("polynomial", [0x3DA3358B4DC173, 0x2482734CACCA49, 0x25B468838DCB75])
def test_known_irreducible_polynomials_are_told_so(polynomial: int) -> None:
    assert is_irreducible(polynomial)


@pytest.mark.parametrize("polynomial", [0x38F1E565E288DF, 0, 1, 1 << 53, 0x3DA3358B4DC172])
def test_known_reducible_polynomials_are_told_so(polynomial: int) -> None:
    assert not is_irreducible(polynomial)


def test_small_polynomials_agree_with_a_sieve() -> None:
    limit = 1 << 8
    products = {_product(a, b) for a in range(2, limit) for b in range(2, limit)}

    for polynomial in range(2, limit):
        assert is_irreducible(polynomial) == (polynomial not in products)


def test_random_polynomials_are_irreducible_of_degree_53_and_differ() -> None:
    drawn = [random_polynomial() for _ in range(20)]

    assert len(set(drawn)) == len(drawn)
    for polynomial in drawn:
        assert polynomial >> 53 == 1
        assert polynomial & 1
        assert is_irreducible(polynomial)


def _product(a: int, b: int) -> int:
    total = 0
    while b:
        total ^= a * (b & 1)
        a, b = a << 1, b >> 1
    return total
