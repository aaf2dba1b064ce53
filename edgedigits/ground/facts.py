"""What is found, and how it is told while work goes on: the words that every room shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

JsonObject = dict[str, Any]
"""An object of JSON whose shape is open, or which was held against its shape already (`foreign_json.look`)."""

Facts = JsonObject
"""JSON-safe findings; the unit is in the key: size_bytes, p50_us."""

Say = Callable[[str], None]
"""Told a line for people."""

Progress = Callable[[str, float], None]
"""Told what is being done and how much of it is done, 0..1."""


def silent(_what: str, _share: float) -> None:
    """Progress that nobody watches."""
