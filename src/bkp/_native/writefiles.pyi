"""Types and contract of the writefiles kernel, built from `ext/writefiles`."""

_Attributes = tuple[int, int, int, int, int]

def write_files(
    data: bytes | bytearray | memoryview,
    files: list[tuple[int, bytes, int, int, _Attributes | None]],
    hole: int,
) -> tuple[bytes, dict[int, tuple[int, int]]]:
    """Make new files whose contents are pieces of `data`.

    A file is the descriptor of its directory, its name in it, offset and
    length of its contents, and its attributes: owner, group, permissions,
    times of access and modification in ns.  Nothing is made where anything
    is, nor where at least `hole` zeros, unless 0, could be left out.

    Returns for each file 0 if it was not made, 1 if it is complete, 2 if its
    contents are, 3 if not even these; and by the number of a file that was
    made but is not complete its device and inode, 0 if not known.  Raises
    ValueError for a name with a slash or zero byte, and for a piece beyond
    the data.
    """
