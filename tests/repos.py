"""Repositories for tests: cheap keys, and a shorthand for storing blobs."""

from bkp.crypto.kdf import Cost
from bkp.events import Reporter, ignore
from bkp.formats.pack import BlobType
from bkp.ids import BlobId
from bkp.repo.repository import (
    NewRepository,
    Repository,
    RepositoryOptions,
    init_repository,
    open_repository,
)
from bkp.store.base import Store

CHEAP = Cost(2, 8, 1)  # a test is no attacker
PASSWORD = "correct horse"


def make_repo(
    store: Store,
    *,
    version: int = 2,
    chunker: str = "rabin",
    options: RepositoryOptions | None = None,
    report: Reporter = ignore,
) -> Repository:
    """Make a repository with a cheap key."""
    new = NewRepository(version=version, chunker=chunker, kdf_cost=CHEAP)
    return init_repository(store, PASSWORD, new, options=options, report=report)


def reopen(
    store: Store, *, options: RepositoryOptions | None = None, report: Reporter = ignore
) -> Repository:
    """Open a repository as another process would, with its index."""
    repo = open_repository(store, PASSWORD, options=options, report=report)
    repo.load_index()
    return repo


def store_blobs(repo: Repository, *blobs: bytes, kind: BlobType = BlobType.DATA) -> list[BlobId]:
    """Store blobs and their index."""
    with repo.lock() as lock, repo.blob_writer(lock) as writer:
        return [writer.write(kind, blob).id for blob in blobs]
