"""Where downloads, finished stages and environments are kept between runs."""

import os
import stat
from pathlib import Path

import platformdirs

from edgedigits.errors import ArtifactError


def find_cache_dir() -> Path:
    """The cache folder: `EDGEDIGITS_CACHE` if set, else the one this system gives its users. It may not exist yet.

    Raises ArtifactError where others could have put something into it: it is another user's, or anybody may write to it.
    """
    folder = Path(os.environ.get("EDGEDIGITS_CACHE") or platformdirs.user_cache_dir("edgedigits", appauthor=False))
    try:
        found = folder.stat()
    except OSError:
        return folder  # none yet; who makes it says why where it can't be made
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise _refusal(folder, f"belongs to another user (number {found.st_uid}, and this is {os.geteuid()})")
    if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_IWOTH:
        raise _refusal(folder, "can be written by every user of this machine")
    return folder


def _refusal(folder: Path, why: str) -> ArtifactError:
    return ArtifactError(
        f"the cache {folder} {why}, so what is kept there can't be trusted; set EDGEDIGITS_CACHE to a folder of your own"
    )
