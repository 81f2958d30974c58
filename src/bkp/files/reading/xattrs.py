"""Extended attributes of an entry, in the order the kernel lists them."""

import errno
import os

from bkp.files.reach import reach
from bkp.formats.tree import Xattr

# The file system has none, or they vanished meanwhile.
_NONE = frozenset({errno.ENOTSUP, errno.ENODATA})


def list_xattrs(source: bytes) -> list[str]:
    """Return the names of the attributes of an entry, itself if it is a link; may raise OSError."""
    try:
        with reach(source) as short:
            return os.listxattr(short, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NONE:
            return []
        raise


def read_xattr(source: bytes, name: str) -> Xattr:
    """Read one attribute; without a value if it is gone.  May raise OSError."""
    text = os.fsencode(name).decode("utf-8", "surrogateescape")
    try:
        with reach(source) as short:
            return Xattr(text, os.getxattr(short, name, follow_symlinks=False))
    except OSError as error:
        if error.errno in _NONE:
            return Xattr(text, None)
        raise
