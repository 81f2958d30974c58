"""Instants and their text."""

import base64
import json
from pathlib import Path

import pytest

from bkp.times import UTC, Zone, format_time, local_zone, parse_time

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/times.json").read_text())


@pytest.fixture(scope="module")
def zones(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Zone]:
    """Return the zones of the vectors, whatever version of the database is installed."""
    directory = tmp_path_factory.mktemp("zones")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for number, (name, data) in enumerate(VECTORS["zones"].items()):
            path = directory / str(number)
            path.write_bytes(base64.b64decode(data))
            patch.setenv("TZ", str(path))
            found[name] = local_zone()
    return found


def test_text_is_that_of_go_in_every_zone(zones: dict[str, Zone]) -> None:
    wrong = [
        (zone, ns, expected, format_time(ns, zones[zone]))
        for zone, ns, expected in VECTORS["cases"]
        if format_time(ns, zones[zone]) != expected
    ]

    assert wrong == []


def test_text_of_other_zones_is_the_same_instant(zones: dict[str, Zone]) -> None:
    for zone, ns, text in VECTORS["cases"]:
        offset = zones[zone].offset(ns // 10**9)
        if not text.startswith(("9999", "0000")) and offset % 60 == 0:
            assert parse_time(text) == ns


def test_offset_is_cut_to_minutes_but_the_clock_is_not(zones: dict[str, Zone]) -> None:
    assert format_time(0, zones["Africa/Monrovia"]) == "1969-12-31T23:15:30-00:44"


def test_offset_below_a_minute_is_written_as_plus_zero() -> None:
    class Odd(Zone):
        def offset(self, second: int) -> int:
            del second
            return -30

    assert format_time(0, Odd("odd")) == "1969-12-31T23:59:30+00:00"


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("1970-01-01T00:00:00.1Z", 10**8),
        ("1970-01-01T00:00:00.1234567891Z", 123456789),
        ("1970-01-01T05:30:00+05:30", 0),
        ("1969-12-31T23:15:30-00:44:30", 0),
        ("0000-02-29T00:00:00Z", -62162121600 * 10**9),
        ("9999-12-31T23:59:59.999999999Z", 253402300799999999999),
    ],
)
def test_text_is_read_exactly(text: str, ns: int) -> None:
    assert parse_time(text) == ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1970-01-01",
        "1970-01-01 00:00:00Z",
        "1970-01-01T00:00:00",
        "1970-01-01T00:00:00Z\n",
        "1970-13-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-01-00T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:60Z",
        "1970-01-01T00:00:00+00:60",
        "1970-01-01T00:00:00.Z",
        "\u0661970-01-01T00:00:00Z",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no"):
        parse_time(text)


@pytest.mark.parametrize(
    "name", ["", ":", "UTC", "Nowhere/Nothing", "CET-1CEST", "../../etc/passwd", "/", "/etc/passwd"]
)
def test_unusable_zone_names_mean_utc(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", name)

    assert local_zone() is UTC


def test_zone_may_be_a_path_with_or_without_a_colon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "zone"
    path.write_bytes(base64.b64decode(VECTORS["zones"]["Asia/Kolkata"]))

    for name in (str(path), f":{path}"):
        monkeypatch.setenv("TZ", name)
        assert format_time(0, local_zone()) == "1970-01-01T05:30:00+05:30"


def test_truncated_zone_file_means_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = base64.b64decode(VECTORS["zones"]["Europe/Berlin"])
    path = tmp_path / "zone"
    monkeypatch.setenv("TZ", str(path))

    for size in range(0, 200, 7):
        path.write_bytes(data[:size])
        assert local_zone() is UTC


def test_offset_is_exact_to_the_second_of_a_change(zones: dict[str, Zone]) -> None:
    berlin, monrovia = zones["Europe/Berlin"], zones["Africa/Monrovia"]
    summer, new_time = 1711846800, 63593070  # the second at 1972-01-07T00:44:30Z

    assert (berlin.offset(summer - 1), berlin.offset(summer)) == (3600, 7200)
    assert (monrovia.offset(new_time - 1), monrovia.offset(new_time)) == (-2670, 0)
