"""What the runner prints: lines, each at once, for a reader that may be a program."""

from __future__ import annotations

import json
from typing import Any


def say(line: str) -> None:
    """One line on stdout, at once."""
    print(line, flush=True)


def say_json(value: dict[str, Any]) -> None:
    """One line of JSON, in ASCII whatever the names in it are."""
    say(json.dumps(value))
