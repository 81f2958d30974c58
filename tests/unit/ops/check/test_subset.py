import pytest

from bkp.errors import UsageError
from bkp.ids import PackId
from bkp.ops.check.subset import Amount, Everything, Part, Share, parse_subset

SIZES = {PackId(bytes([number]) * 32): 1000 for number in range(250)}


def test_all_parts_together_are_everything() -> None:
    chosen = [pack for number in range(1, 8) for pack in parse_subset(f"{number}/7").choose(SIZES)]

    assert sorted(chosen) == sorted(SIZES) == Everything().choose(SIZES)


def test_a_part_is_the_same_in_every_run() -> None:
    assert parse_subset("2/5").choose(SIZES) == parse_subset("2/5").choose(SIZES)


def test_a_share_is_that_many_packs_and_at_least_one() -> None:
    assert len(parse_subset("10%").choose(SIZES)) == 25
    assert len(parse_subset("0.001%").choose(SIZES)) == 1
    assert sorted(parse_subset("100%").choose(SIZES)) == sorted(SIZES)
    assert parse_subset("50%").choose({}) == []


def test_a_size_is_reached_and_not_much_more() -> None:
    assert len(parse_subset("10K").choose(SIZES)) == 11
    assert len(parse_subset("1").choose(SIZES)) == 1
    assert len(parse_subset("1T").choose(SIZES)) == len(SIZES)


def test_the_forms() -> None:
    assert parse_subset("3/4") == Part(3, 4)
    assert parse_subset("2.5%") == Share(0.025)
    assert parse_subset("5g") == Amount(5 << 30)
    assert parse_subset("12b") == Amount(12)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0/3",
        "4/3",
        "1/257",
        "1/0",
        "0%",
        "101%",
        "-1%",
        "nan%",
        "0",
        "x",
        "1/2/3",
        "1.5M",
        "٣%",
    ],
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_subset(text)
