"""The page cache: how much of a file the system holds in memory, and how to make it let go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgedigits_runner.files import AnyPath


def drop(path: AnyPath) -> None:
    """Asks the system to forget a file's pages; without effect where it can't (tmpfs, macOS): `resident_share` tells."""
    if not hasattr(os, "posix_fadvise"):
        return
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(file)  # pages not yet on disk can't be dropped
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError:
        pass
    finally:
        os.close(file)


def resident_share(path: AnyPath) -> float | None:
    """0 to 1, by mincore(2); None where that can't be told, as of a file of somebody else."""
    try:
        # Of a file that one could not write, Linux says "all of it" whatever is true (mincore(2), since 5.2).
        if os.stat(path).st_uid != os.geteuid() and not os.access(path, os.W_OK):
            return None
        with open(path, "rb") as file:
            return _counted(file.fileno(), os.fstat(file.fileno()).st_size)
    except (OSError, ValueError, AttributeError):
        return None


def _counted(file: int, size: int) -> float | None:
    import ctypes
    import mmap

    mincore = ctypes.CDLL(None, use_errno=True).mincore
    mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
    pages = -(-size // mmap.PAGESIZE)
    vector = ctypes.create_string_buffer(pages)
    # Private and writable, for only of a writable buffer does ctypes give the address; nothing is written.
    with mmap.mmap(file, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE) as mapped:
        start = ctypes.c_char.from_buffer(mapped)
        failed = mincore(ctypes.addressof(start), size, vector)
        del start  # a mapping with a borrowed buffer can't be closed
    return None if failed else sum(page & 1 for page in vector.raw) / pages
