"""What is found, and how it is told while work goes on: the words that every room shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Facts = dict[str, Any]
"""JSON-safe findings; the unit is in the key: size_bytes, p50_us."""

Say = Callable[[str], None]
"""Told a line for people."""

Progress = Callable[[str, float], None]
"""Told what is being done and how much of it is done, 0..1."""


def silent(_what: str, _share: float) -> None:
    """Progress that nobody watches."""
