"""The options that say what must hold: --gate and --strict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def gate_options(whose: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds both; `whose` gates those of the command line stand in place of, "" for none."""
    instead = f"; in place of that {whose}, none: without it" if whose else ""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        strict = click.option("--strict", is_flag=True, help="A gate that is not surely held is missed.")
        gate = click.option(
            "--gate",
            "gates",
            multiple=True,
            metavar="NAME=LIMIT",
            help=f"What must hold, or exit code 1: as max_bytes=60000 or min_speedup=2x, many times{instead}; docs/gates.md says "
            "more.",
        )
        return gate(strict(command))

    return add
