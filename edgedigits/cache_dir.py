"""Where downloads, finished stages and environments are kept between runs."""

import os
from pathlib import Path

import platformdirs


def cache_dir() -> Path:
    """The cache folder: `EDGEDIGITS_CACHE` if set, else the one this system gives its users. It may not exist yet."""
    return Path(os.environ.get("EDGEDIGITS_CACHE") or platformdirs.user_cache_dir("edgedigits", appauthor=False))
