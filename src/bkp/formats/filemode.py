"""File modes: the bits of Unix, and those of Go that trees are written in.

Go keeps the nine permission bits where Unix has them and gives every type and
special bit a place of its own at the top.
"""

import stat

_PERMISSIONS = 0o777

_DIR = 1 << 31
_SYMLINK = 1 << 27
_DEVICE = 1 << 26
_FIFO = 1 << 25
_SOCKET = 1 << 24
_CHAR_DEVICE = 1 << 21
_IRREGULAR = 1 << 19

_TYPES = {
    stat.S_IFREG: (0, "file"),
    stat.S_IFDIR: (_DIR, "dir"),
    stat.S_IFLNK: (_SYMLINK, "symlink"),
    stat.S_IFBLK: (_DEVICE, "dev"),
    stat.S_IFCHR: (_DEVICE | _CHAR_DEVICE, "chardev"),
    stat.S_IFIFO: (_FIFO, "fifo"),
    stat.S_IFSOCK: (_SOCKET, "socket"),
}
_OTHER = (_IRREGULAR, "irregular")

_UNIX_TYPES = {go: unix for unix, (go, _) in _TYPES.items()}
_TYPE_BITS = _DIR | _SYMLINK | _DEVICE | _FIFO | _SOCKET | _CHAR_DEVICE | _IRREGULAR

_SPECIAL = ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20))


def to_go(st_mode: int) -> int:
    """Return Go's mode for a `st_mode` as the system gives it."""
    mode = st_mode & _PERMISSIONS | _TYPES.get(stat.S_IFMT(st_mode), _OTHER)[0]
    for unix, go in _SPECIAL:
        if st_mode & unix:
            mode |= go
    return mode


def from_go(mode: int) -> int:
    """Return the `st_mode` for a mode of Go; a type Unix does not have becomes 0."""
    st_mode = mode & _PERMISSIONS | _UNIX_TYPES.get(mode & _TYPE_BITS, 0)
    for unix, go in _SPECIAL:
        if mode & go:
            st_mode |= unix
    return st_mode


def type_of(st_mode: int) -> str:
    """Return the name a node's type has in trees."""
    return _TYPES.get(stat.S_IFMT(st_mode), _OTHER)[1]
