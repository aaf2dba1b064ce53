"""SHA-256 without what takes long to import."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def new_sha256() -> Any:
    """Python's own SHA-256 where it has one: hashlib brings OpenSSL, 3.5 MiB and 10 ms on top of what is measured."""
    for module in ("_sha2", "_sha256"):  # from Python 3.12 on, and before
        try:
            return import_module(module).sha256()
        except (ImportError, AttributeError):
            continue
    return import_module("hashlib").sha256()
