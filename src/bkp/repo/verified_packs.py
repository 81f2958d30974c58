"""Which packs were verified when, remembered from run to run on this machine.

It says what to verify next, and nothing more: losing it costs reading again.
It is kept for one location, because a copy of the repository elsewhere is on
other disks.

Runs at the same time take over what others have saved before they save.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Container
from hashlib import sha256
from typing import BinaryIO

from bkp.errors import IntegrityError, Malformed
from bkp.events import Notice, Reporter
from bkp.ids import PackId
from bkp.times import now

from .cachedir import CacheDirectory
from .repository import Repository
from .saved_verifications import (
    MAX_SIZE,
    Verification,
    decode_verifications,
    encode_verifications,
)

_SAVE_SECONDS = 60  # so much of a long run is lost if power fails

Found = dict[PackId, Verification]


class VerifiedPacks:
    """What came out when packs were verified last; safe to use from several threads.

    A context manager that saves when it is left, whatever the reason.  Packs
    that are not `present` are forgotten.  A time that lies in the future was
    taken by a wrong clock, and counts as never.

    `clock` gives ns since the epoch; `timer`, seconds that never go back.
    """

    def __init__(
        self,
        repo: Repository,
        present: Container[PackId],
        report: Reporter,
        *,
        clock: Callable[[], int] = now,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = repo.cache
        self._place = sha256(os.fsencode(repo.location)).digest()
        self._name = f"verified-{self._place.hex()[:16]}"
        self._key = repo.key
        self._report = report
        self._clock = clock
        self._timer = timer
        self._lock = threading.Lock()
        self._is_saved = True
        self._saved_at = timer()
        self._has_failed = False
        self._found: Found = {}  # by this run
        saved = self._load_or_tell()
        self._gone = frozenset(pack for pack in saved if pack not in present)
        self._earlier = {pack: last for pack, last in saved.items() if pack not in self._gone}

    @property
    def is_kept(self) -> bool:
        """Say whether anything is remembered beyond this run."""
        return self._directory is not None

    def last(self, pack: PackId) -> Verification | None:
        """Return when a pack was verified last and what came out; None if it never was.

        The time of one that was found bad is 0 if it is not known.
        """
        return self._found.get(pack) or self._earlier.get(pack)

    def note(self, pack: PackId, *, is_sound: bool) -> None:
        """Remember that a pack was verified just now; saved from time to time."""
        with self._lock:
            self._found[pack] = Verification(self._clock(), is_sound)
            self._is_saved = False
            if self._timer() - self._saved_at >= _SAVE_SECONDS:
                self._save()

    def __enter__(self) -> "VerifiedPacks":
        return self

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._save()

    def _load_or_tell(self) -> Found:
        if self._directory is None:
            return {}
        try:
            return self._load(self._directory)
        except (OSError, IntegrityError) as error:
            path = self._directory.path / self._name
            self._report(Notice(f"not using {path}, which says what was verified when: {error}"))
            return {}

    def _load(self, directory: CacheDirectory) -> Found:
        try:
            with directory.open(self._name) as file:
                size = os.fstat(file.fileno()).st_size
                if size > MAX_SIZE:
                    raise Malformed(f"{size} bytes are too many")
                saved = decode_verifications(file.read(size), self._place, self._key)
        except FileNotFoundError:
            return {}
        present = self._clock()
        bad = {pack: Verification(0, False) for pack, last in saved.items() if not last.is_sound}
        return bad | {pack: last for pack, last in saved.items() if last.time_ns <= present}

    def _save(self) -> None:
        if self._directory is None or self._is_saved:
            return
        self._saved_at = self._timer()
        data = encode_verifications(self._merged(self._directory), self._place, self._key)
        try:
            self._directory.replace(self._name, lambda file: _write_durably(file, data))
            self._is_saved = True
        except OSError as error:
            if not self._has_failed:
                path = self._directory.path
                message = f"what was verified cannot be remembered in {path}: {error}"
                self._report(Notice(message))
            self._has_failed = True

    def _merged(self, directory: CacheDirectory) -> Found:
        """Return what is known, with what others have saved since."""
        saved: Found = {}
        with contextlib.suppress(OSError, IntegrityError):  # told when it was read first
            saved = self._load(directory)
        known = {pack: last for pack, last in saved.items() if pack not in self._gone}
        for pack, own in (self._earlier | self._found).items():
            other = known.get(pack)
            if other is None or other.time_ns <= own.time_ns:
                known[pack] = own
        return known


def _write_durably(file: BinaryIO, data: bytes) -> None:
    """Write and sync: it stands for many nights, and the power may fail in any of them."""
    file.write(data)
    file.flush()
    os.fsync(file.fileno())
