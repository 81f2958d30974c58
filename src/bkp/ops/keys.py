"""Add, remove and change the passwords of a repository."""

from bkp.errors import UsageError
from bkp.repo.keyring import KeySlot
from bkp.repo.repository import Repository


def keys_of(repo: Repository) -> list[KeySlot]:
    """Return the keys of a repository, oldest first; those that cannot be read are reported."""
    return sorted(repo.key_slots(), key=lambda slot: (slot.file.created, slot.id))


def add_password(repo: Repository, password: str, *, user: str = "", host: str = "") -> str:
    """Make the repository open with a further password; return the new key's id."""
    with repo.lock():
        return repo.add_key(password, user=user, host=host)


def remove_password(repo: Repository, name: str) -> str:
    """Remove the key whose id begins with `name`, be it damaged; return its id.

    Raises UsageError if that is none, several, or the one in use.
    """
    with repo.lock(exclusive=True):
        fitting = [key_id for key_id in repo.key_ids() if key_id.startswith(name)]
        if len(fitting) != 1 or not name:
            count = len(fitting) or "no"
            raise UsageError(f"{count} keys begin with {name!r}; `bkp key list` shows them")
        repo.remove_key(fitting[0])
        return fitting[0]


def change_password(repo: Repository, password: str) -> str:
    """Replace the password the repository was opened with; return the new key's id.

    The new key is stored before the old one goes: a crash between leaves both.
    """
    with repo.lock(exclusive=True):
        old = repo.key_id
        repo.key_id = repo.add_key(password)
        repo.remove_key(old)
        return repo.key_id
