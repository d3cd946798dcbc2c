"""A file for somebody to keep is written whole or not at all, and takes no other's place."""

import os


def write_whole(target, data):
    """Write a new file whole or not at all: what is cut off would be taken for one that somebody has changed.

    Args:
        target: Its path.
        data: Bytes.

    Raises:
        FileExistsError: There is something of that name.
        OSError: It cannot be written.
    """
    if target.exists() or target.is_symlink():
        raise FileExistsError
    begun = target.with_name(f".{target.name}.part")
    try:
        begun.write_bytes(data)
        try:
            os.link(begun, target)  # unlike a rename, it never takes the place of another file
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            begun.rename(target)
    finally:
        begun.unlink(missing_ok=True)
