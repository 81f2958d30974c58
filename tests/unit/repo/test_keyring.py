"""Passwords and keys: which open, and what a damaged or hostile key file does."""

import json
import os
import time
from collections.abc import Callable
from hashlib import sha256

import pytest

from bkp.errors import (
    Inauthentic,
    IntegrityError,
    Malformed,
    UnsupportedFormat,
    UsageError,
    WrongPassword,
)
from bkp.events import Event, Problem
from bkp.ops.keys import keys_of, remove_password
from bkp.repo import locking
from bkp.repo.keyring import add_key
from bkp.repo.repository import open_repository
from bkp.store.base import Kind, ObjectName
from bkp.store.memory import MemoryStore
from repos import CHEAP, PASSWORD, make_repo
from stores import objects, replace


def only_key(store: MemoryStore) -> ObjectName:
    (name,) = objects(store, Kind.KEY)
    return name


def rewrite_key(store: MemoryStore, **changes: object) -> None:
    """Put a key file with other fields in the place of the only one."""
    name = only_key(store)
    data = json.dumps(json.loads(store.get(name)) | changes).encode()
    store.delete(name)
    store.put(ObjectName(Kind.KEY, sha256(data).hexdigest()), data)


def test_a_wrong_password_opens_nothing() -> None:
    store = MemoryStore()
    make_repo(store)

    with pytest.raises(WrongPassword):
        open_repository(store, "battery staple")


def test_every_key_opens_the_same_repository() -> None:
    store = MemoryStore()
    repo = make_repo(store)
    added = add_key(store, repo.key, "second", CHEAP)

    by_first, by_second = open_repository(store, PASSWORD), open_repository(store, "second")

    assert by_first.key == by_second.key
    assert (by_first.key_id, by_second.key_id) == (repo.key_id, added)


def test_the_key_in_use_cannot_be_removed() -> None:
    store = MemoryStore()
    repo = make_repo(store)

    with pytest.raises(UsageError, match="in use"):
        repo.remove_key(repo.key_id)


def test_a_damaged_key_does_not_hide_another_that_opens() -> None:
    store = MemoryStore()
    repo = make_repo(store)
    add_key(store, repo.key, "second", CHEAP)
    first = ObjectName(Kind.KEY, repo.key_id)
    replace(store, first, store.get(first)[:-3])

    assert open_repository(store, "second").key == repo.key


def test_a_damaged_only_key_is_damage_not_a_wrong_password() -> None:
    store = MemoryStore()
    make_repo(store)
    name = only_key(store)
    replace(store, name, store.get(name)[:-3])

    with pytest.raises(IntegrityError, match="does not match its name"):
        open_repository(store, PASSWORD)


@pytest.mark.parametrize("n", [2**40, 2**31, 3, 0])
def test_an_absurd_scrypt_cost_is_refused_without_paying_it(n: int) -> None:
    store = MemoryStore()
    make_repo(store)
    rewrite_key(store, N=n)
    begin = time.monotonic()

    with pytest.raises(Malformed, match="scrypt"):
        open_repository(store, PASSWORD)

    assert time.monotonic() - begin < 5


def test_another_derivation_is_not_supported() -> None:
    store = MemoryStore()
    make_repo(store)
    rewrite_key(store, kdf="argon2id")

    with pytest.raises(UnsupportedFormat, match="scrypt"):
        open_repository(store, PASSWORD)


def test_a_repository_without_keys_says_so() -> None:
    store = MemoryStore()
    make_repo(store)
    store.delete(only_key(store))

    with pytest.raises(IntegrityError, match="no keys"):
        open_repository(store, PASSWORD)


def put_key_of_another_repository(store: MemoryStore, password: str) -> str:
    """Add a key file as who can write to the storage could; return its id."""
    other = MemoryStore()
    added = add_key(other, make_repo(other).key, password, CHEAP)
    name = ObjectName(Kind.KEY, added)
    store.put(name, other.get(name))
    return added


def test_a_key_of_another_repository_does_not_hide_the_one_that_opens() -> None:
    store = MemoryStore()
    repo = make_repo(store)
    foreign = put_key_of_another_repository(store, PASSWORD)

    opened = open_repository(store, PASSWORD, key_hint=foreign)

    assert (opened.key, opened.key_id) == (repo.key, repo.key_id)


def test_a_key_of_another_repository_alone_is_named() -> None:
    store = MemoryStore()
    make_repo(store)
    foreign = put_key_of_another_repository(store, "theirs")

    with pytest.raises(Inauthentic, match=f"config .* damaged, or key {foreign[:8]} is of another"):
        open_repository(store, "theirs")


def test_a_damaged_key_does_not_hide_the_others_in_a_list() -> None:
    store = MemoryStore()
    repo = make_repo(store)
    name = ObjectName(Kind.KEY, add_key(store, repo.key, "second", CHEAP))
    replace(store, name, store.get(name)[:-3])
    told: list[Event] = []

    slots = keys_of(open_repository(store, PASSWORD, report=told.append))

    assert [slot.id for slot in slots] == [repo.key_id]
    (problem,) = told
    assert isinstance(problem, Problem)
    assert problem.path.decode() == str(name)
    assert f"bkp key remove {name.id[:8]}" in problem.message


def test_a_damaged_key_can_be_removed_and_is_in_no_others_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locking, "_SETTLE_SECONDS", 0)
    store = MemoryStore()
    repo = make_repo(store)
    second, third = (add_key(store, repo.key, word, CHEAP) for word in ("second", "third"))
    damaged = ObjectName(Kind.KEY, second)
    replace(store, damaged, store.get(damaged)[:-3])

    assert remove_password(repo, third) == third
    assert remove_password(repo, second[:8]) == second
    assert [name.id for name in objects(store, Kind.KEY)] == [repo.key_id]


def put_before(store: MemoryStore, count: int, key: Callable[[], bytes]) -> None:
    """Let keys come before those that are there."""
    old = {name: store.get(name) for name in objects(store, Kind.KEY)}
    for name in old:
        store.delete(name)
    for _ in range(count):
        data = key()
        store.put(ObjectName(Kind.KEY, sha256(data).hexdigest()), data)
    for name, data in old.items():
        store.put(name, data)


def test_what_is_no_key_keeps_none_from_being_tried() -> None:
    store = MemoryStore()
    repo = make_repo(store)
    put_before(store, 50, lambda: os.urandom(200))

    assert open_repository(store, PASSWORD).key == repo.key


def test_of_many_keys_only_some_are_tried_unless_one_is_named() -> None:
    store = MemoryStore()
    repo = make_repo(store)

    def foreign() -> bytes:
        other = MemoryStore()
        return other.get(ObjectName(Kind.KEY, add_key(other, repo.key, "second", CHEAP)))

    put_before(store, 21, foreign)

    with pytest.raises(WrongPassword, match="--key-hint"):
        open_repository(store, PASSWORD)
    assert open_repository(store, PASSWORD, key_hint=repo.key_id).key == repo.key
