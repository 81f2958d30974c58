import os
from collections.abc import Iterator

import pytest

from bkp.files.writing.descriptors import DescriptorCache


@pytest.fixture
def cache() -> Iterator[DescriptorCache[str]]:
    cache: DescriptorCache[str] = DescriptorCache(2)
    yield cache
    cache.close()


def opened() -> int:
    return os.open(os.devnull, os.O_RDONLY)


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_the_least_recently_used_is_closed(cache: DescriptorCache[str]) -> None:
    first, second, third = opened(), opened(), opened()
    cache.put("a", first)
    cache.put("b", second)
    cache.get("a")

    cache.put("c", third)

    assert [cache.get("a"), cache.get("b"), cache.get("c")] == [first, None, third]
    assert not is_open(second)


def test_a_pinned_descriptor_is_not_closed(cache: DescriptorCache[str]) -> None:
    first = opened()
    cache.put("a", first)
    cache.pin("a")
    cache.pin("a")
    cache.unpin("a")

    for name in "bcd":
        cache.put(name, opened())

    assert cache.get("a") == first
    assert len(cache) == 2


def test_an_unpinned_descriptor_can_be_closed_again(cache: DescriptorCache[str]) -> None:
    cache.put("a", opened())
    cache.pin("a")
    cache.unpin("a")

    cache.put("b", opened())
    cache.put("c", opened())

    assert cache.get("a") is None


def test_more_than_the_limit_is_kept_while_all_are_pinned(cache: DescriptorCache[str]) -> None:
    for name in "abc":
        cache.put(name, opened())
        cache.pin(name)

    assert len(cache) == 3


def test_dropping_and_closing_close(cache: DescriptorCache[str]) -> None:
    first, second = opened(), opened()
    cache.put("a", first)
    cache.put("b", second)

    cache.drop("a")
    cache.drop("never there")
    cache.close()

    assert not is_open(first)
    assert not is_open(second)
