"""Take a snapshot of what a program prints, as one file."""

import stat
from contextlib import AbstractContextManager

from bkp.chunking import Stream
from bkp.errors import UsageError
from bkp.events import Change, EntrySaved, FilesSaved, Reporter
from bkp.formats.encoded import encode_node, head_of
from bkp.formats.filemode import to_go, type_of
from bkp.formats.goquote import quote
from bkp.formats.tree import Node
from bkp.ops.commit import commit
from bkp.repo.repository import Repository
from bkp.times import format_time
from bkp.users import current_user

from .contents import ContentWriter
from .labels import SnapshotLabels
from .run import BackupResult
from .tally import Tally
from .treefold import TreeFold

Source = AbstractContextManager[Stream]
"""Opens the bytes to save; raises on leaving if they turn out to be incomplete."""


def backup_stdin(
    repo: Repository, source: Source, path: bytes, labels: SnapshotLabels, report: Reporter
) -> BackupResult:
    """Save a stream as the file `path`.

    There is no parent: a stream has no times to compare.  If the source fails
    there is no snapshot, nor if nothing comes: most likely what writes the
    stream failed, and an empty file would pass for a backup.
    """
    names = [name for name in path.split(b"/") if name]
    if not names or any(name in (b".", b"..") for name in names):
        raise UsageError(f"not a file name: {path!r}")
    with repo.lock(eager=True) as lock:
        repo.load_index()
        tally = Tally(labels.zone)
        with (
            repo.blob_writer(lock) as writer,
            TreeFold(writer, tally.count_tree, at_once=True) as fold,
        ):
            for name in names[:-1]:
                fold.enter(name, head_of(_node(name, stat.S_IFDIR | 0o755, labels)))
            node = _node(names[-1], stat.S_IFREG | 0o644, labels)
            with source as stream:
                contents = ContentWriter(repo.chunker(), writer, report).write(stream, 0)
            if contents.size == 0:
                raise UsageError("nothing came to be saved; no snapshot was made")
            node.content, node.size = contents.chunks, contents.size
            fold.add(names[-1], encode_node(node))
            tally.count_files(1, contents.size, contents.added, Change.NEW)
            for _ in names[:-1]:
                fold.leave()
                tally.count_directory(Change.NEW)
            root = fold.finish()
            assert root is not None
        added = contents.added
        report(FilesSaved(1))
        report(
            EntrySaved(path, node.type, Change.NEW, node.size, added.new_bytes, added.stored_bytes)
        )
        full_path = "/" + b"/".join(names).decode("utf-8", "surrogateescape")
        snapshot = labels.describe([full_path], None, root, tally.summary())
        saved = commit(repo, lock, snapshot)
        return BackupResult(saved=saved, snapshot=snapshot, parent=None, seconds=tally.seconds)


def _node(name: bytes, st_mode: int, labels: SnapshotLabels) -> Node:
    user = current_user()
    time = format_time(labels.time_ns, labels.zone)
    return Node(
        quoted_name=quote(name),
        type=type_of(st_mode),
        mode=to_go(st_mode),
        mtime=time,
        atime=time,
        ctime=time,
        uid=user.uid,
        gid=user.gid,
        content=None,
    )
